// #[step_fn(crate = platform::durable)]
/**

| Helper of durable endpoints | |
|-|-|
| steps | `charge-card` |
*/
fn charge(step: &Step) -> impl Future<Output = Receipt> {
    #![allow(unused)]
    platform::durable::__private::inventory::submit! {
        platform::durable::__private::helper(::core::concat!(::core::module_path!(),
        "::charge"), ::core::file!(), ::core::line!(), const { &
        [platform::durable::__private::step_meta("charge-card", *
        b"\xB2\xAE\x8F'.\xA6`\x90\x0F\xCA:\xEE\xFB\xD3\x96\x95\xC4?\\\xC9",
        platform::durable::function::StepKind::Run, ::core::file!(), ::core::line!())]
        },)
    }
    const _: fn() = || {
        platform::durable::__private::differs_on_replay::in_helper::clock();
    };
    let began = Instant::now();
    step.run(
        platform::durable::__private::step_id(
            "charge-card",
            *b"\xB2\xAE\x8F'.\xA6`\x90\x0F\xCA:\xEE\xFB\xD3\x96\x95\xC4?\\\xC9",
        ),
        pay(began),
    )
}
