// #[api_fn(id = "first")]
/**

| Durable endpoint | |
|-|-|
| id | `first` |
| steps | none with a literal id |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
*/
async fn first(step: Step) -> Result<(), Error>
where
    Shop: Send,
{
    #![allow(unused)]
    //! Inner.
    let entered = ::inngest::__private::enter::<first>(&step);
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
                    let never: Result<(), Error> = loop {};
                    return never;
                }
                {
                    use std::fmt::Write as _;
                    Ok(())
                }
            },
        )
        .await
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
enum first {}
#[automatically_derived]
impl ::inngest::function::ApiFn for first {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("first");
    const STEPS: &'static [::inngest::function::StepMeta] = &[];
}
const _: fn() = || {
    #[allow(unused_imports)]
    use ::inngest::__private::probe::methods::*;
    (&&&&::inngest::__private::Probe::<(Result<(), Error>, ())>::NEW)
        .stephttp_half_answer();
    (&&&&::inngest::__private::Probe::<(Result<(), Error>, Error)>::NEW)
        .stephttp_half_answer();
};
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < first >
    (::core::concat!(::core::module_path!(), "::first"), ::core::file!(),
    ::core::line!(),)
}
