// #[api_fn(id = "report", retries = 3, step_timeout = "5m")]
/**

| Durable endpoint | |
|-|-|
| id | `report` |
| steps | `print` |
| retries | 3 for each step |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
| answer when handed over | the provider's default |
| time limit | 300s for each attempt of a step |
*/
async fn report(step: Step) {
    let entered = ::inngest::__private::enter::<report>(&step);
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
                    step.run(
                            ::inngest::__private::step_id(
                                "print",
                                *b"m\rXv\xE6q\x0E\xBBO0\x9BZ\xF0\x10\x90\xCB\x978\x1D\x06",
                            ),
                            print(),
                        )
                        .timeout(MINUTE)
                        .retries(1)
                        .await;
                }
            },
        )
        .await
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
enum report {}
#[automatically_derived]
impl ::inngest::function::ApiFn for report {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("report")
        .retries(3)
        .step_timeout(::core::time::Duration::from_millis(300000));
    const STEPS: &'static [::inngest::function::StepMeta] = &[
        ::inngest::__private::step_meta(
            "print",
            *b"m\rXv\xE6q\x0E\xBBO0\x9BZ\xF0\x10\x90\xCB\x978\x1D\x06",
            ::inngest::function::StepKind::Run,
            ::core::file!(),
            ::core::line!(),
        ),
    ];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < report >
    (::core::concat!(::core::module_path!(), "::report"), ::core::file!(),
    ::core::line!(),)
}
