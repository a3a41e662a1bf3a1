// #[api_fn(id = "facade", crate = platform::durable)]
/**

| Durable endpoint | |
|-|-|
| id | `facade` |
| steps | `a` |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
| answer when handed over | the provider's default |
*/
async fn facade(step: Step) {
    #[allow(unused_imports)]
    use platform::durable::__private::block::methods::*;
    let entered = platform::durable::__private::enter::<facade>(&step);
    platform::durable::__private::body(
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
                            platform::durable::__private::step_id(
                                "a",
                                *b"\x86\xF7\xE47\xFA\xA5\xA7\xFC\xE1]\x1D\xDC\xB9\xEA\xEA\xEA7vg\xB8",
                            ),
                            platform::durable::__private::block::block(async { Ok(()) })
                                .stephttp_typed(),
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
enum facade {}
#[automatically_derived]
impl platform::durable::function::ApiFn for facade {
    const OPTS: platform::durable::FnOpts = platform::durable::FnOpts::new("facade");
    const STEPS: &'static [platform::durable::function::StepMeta] = &[
        platform::durable::__private::step_meta(
            "a",
            *b"\x86\xF7\xE47\xFA\xA5\xA7\xFC\xE1]\x1D\xDC\xB9\xEA\xEA\xEA7vg\xB8",
            platform::durable::function::StepKind::Run,
            ::core::file!(),
            ::core::line!(),
        ),
    ];
}
platform::durable::__private::inventory::submit! {
    platform::durable::__private::registration:: < facade >
    (::core::concat!(::core::module_path!(), "::facade"), ::core::file!(),
    ::core::line!(),)
}
