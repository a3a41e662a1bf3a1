// #[api_fn(id = "unnamed")]
/**

| Durable endpoint | |
|-|-|
| id | `unnamed` |
| steps | none with a literal id |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
*/
pub(crate) async fn unnamed(stephttp_hidden_step: inngest::Step) {
    let entered = ::inngest::__private::enter::<unnamed>(&stephttp_hidden_step);
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
                {}
            },
        )
        .await
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
pub(crate) enum unnamed {}
#[automatically_derived]
impl ::inngest::function::ApiFn for unnamed {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("unnamed");
    const STEPS: &'static [::inngest::function::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < unnamed >
    (::core::concat!(::core::module_path!(), "::unnamed"), ::core::file!(),
    ::core::line!(),)
}
