// #[api_fn(id = "underscored")]
/**

| Durable endpoint | |
|-|-|
| id | `underscored` |
| steps | none with a literal id |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
*/
async fn underscored(_step: Step) {
    #[allow(clippy::used_underscore_binding)]
    let entered = ::inngest::__private::enter::<underscored>(&_step);
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
enum underscored {}
#[automatically_derived]
impl ::inngest::function::ApiFn for underscored {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("underscored");
    const STEPS: &'static [::inngest::function::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < underscored >
    (::core::concat!(::core::module_path!(), "::underscored"), ::core::file!(),
    ::core::line!(),)
}
