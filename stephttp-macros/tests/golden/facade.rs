// #[api_fn(id = "facade", crate = platform::durable)]
async fn facade(step: Step) {
    platform::durable::__private::enter::<facade>(&step);
    step.run(
            platform::durable::__private::step_id(
                "a",
                *b"\x86\xF7\xE47\xFA\xA5\xA7\xFC\xE1]\x1D\xDC\xB9\xEA\xEA\xEA7vg\xB8",
            ),
            platform::durable::__private::typed(async { Ok(()) }),
        )
        .await;
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
enum facade {}
#[automatically_derived]
impl platform::durable::ApiFn for facade {
    const OPTS: platform::durable::FnOpts = platform::durable::FnOpts::new("facade");
    const STEPS: &'static [platform::durable::StepMeta] = &[
        platform::durable::__private::step_meta(
            "a",
            *b"\x86\xF7\xE47\xFA\xA5\xA7\xFC\xE1]\x1D\xDC\xB9\xEA\xEA\xEA7vg\xB8",
            platform::durable::StepKind::Run,
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
