// #[api_fn(id = "type")]
/**

| Durable endpoint | |
|-|-|
| id | `type` |
| steps | none with a literal id |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
| answer when handed over | the provider's default |
*/
async fn r#type(mut step: Step) {
    let entered = ::inngest::__private::enter::<r#type>(&step);
    ::inngest::__private::body(
            entered,
            async move {
                #[allow(
                    deprecated,
                    unreachable_code,
                    unused_parens,
                    clippy::diverging_sub_expression,
                    clippy::empty_loop,
                    clippy::let_unit_value,
                    clippy::let_with_type_underscore,
                    clippy::needless_return,
                    clippy::type_complexity,
                    clippy::unreachable
                )]
                if false {
                    let never: () = loop {};
                    return never;
                }
                {
                    use_up(&mut step);
                }
            },
        )
        .await
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
enum r#type {}
#[automatically_derived]
impl ::inngest::function::ApiFn for r#type {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("type");
    const STEPS: &'static [::inngest::function::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < r#type >
    (::core::concat!(::core::module_path!(), "::type"), ::core::file!(),
    ::core::line!(),)
}
