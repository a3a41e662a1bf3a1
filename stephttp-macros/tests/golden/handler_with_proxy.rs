// #[api_fn(id = "report", async_response = proxy)]
/**

| Durable endpoint | |
|-|-|
| id | `report` |
| steps | `night` (sleep) |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
| answer when handed over | 303 to the run's output at the app's own output route |
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
                    step.sleep(
                            ::inngest::__private::step_id(
                                "night",
                                *b"\x1B\xE2\xA4L\xB5=\xDE\x90;\xE8Fl\x08\xDE\xE9\x06}\xA8\xED\xE3",
                            ),
                            NIGHT,
                        )
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
        .async_response(::inngest::AsyncResponse::Proxy);
    const STEPS: &'static [::inngest::function::StepMeta] = &[
        ::inngest::__private::step_meta(
            "night",
            *b"\x1B\xE2\xA4L\xB5=\xDE\x90;\xE8Fl\x08\xDE\xE9\x06}\xA8\xED\xE3",
            ::inngest::function::StepKind::Sleep,
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
