// #[api_fn(id = "gated")]
#[cfg(feature = "orders")]
#[expect(unused_variables)]
/**

| Durable endpoint | |
|-|-|
| id | `gated` |
| steps | none with a literal id |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
*/
async fn gated(step: Step) {
    let entered = ::inngest::__private::enter::<gated>(&step);
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
#[cfg(feature = "orders")]
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
enum gated {}
#[cfg(feature = "orders")]
#[automatically_derived]
impl ::inngest::function::ApiFn for gated {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("gated");
    const STEPS: &'static [::inngest::function::StepMeta] = &[];
}
#[cfg(feature = "orders")]
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < gated >
    (::core::concat!(::core::module_path!(), "::gated"), ::core::file!(),
    ::core::line!(),)
}
