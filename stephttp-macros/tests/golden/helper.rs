// #[step_fn()]
/// Charges the card.
/**

| Helper of durable endpoints | |
|-|-|
| steps | `cool-off` (sleep), `charge-card` |
*/
pub(crate) async fn charge<C: Card>(step: &Step, card: C) -> Result<Receipt, StepError> {
    #[allow(unused_imports)]
    use ::inngest::__private::block::methods::*;
    ::inngest::__private::inventory::submit! {
        ::inngest::__private::helper(::core::concat!(::core::module_path!(), "::charge"),
        ::core::file!(), ::core::line!(), const { &
        [::inngest::__private::step_meta("cool-off", *
        b"\0\xE3e\xC3\xC5\xBE\xFEj\xD2\x98q\xDD\x94\xDC\xD5<\x9B\r\xDF\xAC",
        ::inngest::function::StepKind::Sleep, ::core::file!(), ::core::line!()),
        ::inngest::__private::step_meta("charge-card", *
        b"\xB2\xAE\x8F'.\xA6`\x90\x0F\xCA:\xEE\xFB\xD3\x96\x95\xC4?\\\xC9",
        ::inngest::function::StepKind::Run, ::core::file!(), ::core::line!())
        .with_renamed_from("charge")] },)
    }
    step.sleep(
            ::inngest::__private::step_id(
                "cool-off",
                *b"\0\xE3e\xC3\xC5\xBE\xFEj\xD2\x98q\xDD\x94\xDC\xD5<\x9B\r\xDF\xAC",
            ),
            MINUTE,
        )
        .await;
    step.run(
            ::inngest::__private::step_id(
                "charge-card",
                *b"\xB2\xAE\x8F'.\xA6`\x90\x0F\xCA:\xEE\xFB\xD3\x96\x95\xC4?\\\xC9",
            ),
            ::inngest::__private::block::block(async { Ok(card.charge().await?) })
                .stephttp_typed(),
        )
        .renamed_from("charge")
        .await
}
