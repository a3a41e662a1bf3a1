// #[api_fn(id = "tools")]
/**

| Durable endpoint | |
|-|-|
| id | `tools` |
| steps | `settlement` (wait_for_event), `tell` (send_event), `tell-all` (send_events), `score` (invoke), `approval` (wait_for_signal), `resume` (send_signal), `progress` (publish), `page` (fetch), `ask` (ai_infer) |
| retries | the default |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
| answer when handed over | the provider's default |
*/
async fn tools(step: Step) -> Result<(), StepError> {
    let entered = ::inngest::__private::enter::<tools>(&step);
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
                    let never: Result<(), StepError> = loop {};
                    return never;
                }
                {
                    let settled = step
                        .wait_for_event::<
                            Settled,
                        >(
                            ::inngest::__private::step_id(
                                "settlement",
                                *b"lP\0\xAF\xBF\x1E\xFC[\xB2`\xC6\x83\xE4\xDC\x86\x0C<\x01O\xA3",
                            ),
                            "bank/settled",
                        )
                        .timeout(DAY)
                        .await?;
                    step.send_event(
                            ::inngest::__private::step_id(
                                "tell",
                                *b"G\xB8\x01]\x98\xD5\x10:\x8Ai\x81\xA9yQHU\xCA\xC1\x0E\xBC",
                            ),
                            Event::new("shop/settled", settled),
                        )
                        .await?;
                    step.send_events(
                            ::inngest::__private::step_id(
                                "tell-all",
                                *b"\x9F\xBC\xE4\xF8(\x1B\xA6\xA6} x7\x96F\xD0\xBD\xBE\x90\x8Cp",
                            ),
                            events,
                        )
                        .await?;
                    let score = step
                        .invoke::<
                            Score,
                        >(
                            ::inngest::__private::step_id(
                                "score",
                                *b"u\xEB\xCB6\x1Ceb% k\xB0\x19\x1D\xF6<\xB1\xD3\x8C\xBB\xAB",
                            ),
                            "risk-score",
                        )
                        .data(&customer)
                        .await?;
                    let by = step
                        .wait_for_signal::<
                            String,
                        >(
                            ::inngest::__private::step_id(
                                "approval",
                                *b"YIF\x95\xA3\x17+R\x12\xF0\xA4xW\xB0TnT2\x07v",
                            ),
                            format!("approval/{id}"),
                        )
                        .await?;
                    step.send_signal(
                            ::inngest::__private::step_id(
                                "resume",
                                *b"\xA2\xB4\x1B\xBA\xA7\r^`\x85>\x10\x11\xE3\x1Ad\x88\xE8\xEA\xC1\xAC",
                            ),
                            "other",
                            (),
                        )
                        .await?;
                    step.publish(
                            ::inngest::__private::step_id(
                                "progress",
                                *b"Z\xAF\x89\x05\xF3*C\xE8\xDD\x1A.\xA0\xCB\xAC\xB6\x89B\x8C\xCE\xCD",
                            ),
                            "order-7",
                            "status",
                            &by,
                        )
                        .await?;
                    let page = step
                        .fetch(
                            ::inngest::__private::step_id(
                                "page",
                                *b"vp\x13\xCE\x0E\xE0\xF6\xD7\xA0u\x87\x91.\xBA1\x04\xCF\xAA\xBC\x15",
                            ),
                            FetchRequest::get(url),
                        )
                        .await?;
                    let answer = step
                        .ai_infer::<
                            Answer,
                        >(
                            ::inngest::__private::step_id(
                                "ask",
                                *b"\x1C\x8F\t'\x0F\xC3:9:\xF3\xEA\xF0\xB2\xEB\xF5\x8E\xB9\xBB\xBC\xC2",
                            ),
                            Inference::openai_chat(key, body),
                        )
                        .await?;
                    Ok(())
                }
            },
        )
        .await
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
enum tools {}
#[automatically_derived]
impl ::inngest::function::ApiFn for tools {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("tools");
    const STEPS: &'static [::inngest::function::StepMeta] = &[
        ::inngest::__private::step_meta(
            "settlement",
            *b"lP\0\xAF\xBF\x1E\xFC[\xB2`\xC6\x83\xE4\xDC\x86\x0C<\x01O\xA3",
            ::inngest::function::StepKind::WaitForEvent,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "tell",
            *b"G\xB8\x01]\x98\xD5\x10:\x8Ai\x81\xA9yQHU\xCA\xC1\x0E\xBC",
            ::inngest::function::StepKind::SendEvent,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "tell-all",
            *b"\x9F\xBC\xE4\xF8(\x1B\xA6\xA6} x7\x96F\xD0\xBD\xBE\x90\x8Cp",
            ::inngest::function::StepKind::SendEvent,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "score",
            *b"u\xEB\xCB6\x1Ceb% k\xB0\x19\x1D\xF6<\xB1\xD3\x8C\xBB\xAB",
            ::inngest::function::StepKind::Invoke,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "approval",
            *b"YIF\x95\xA3\x17+R\x12\xF0\xA4xW\xB0TnT2\x07v",
            ::inngest::function::StepKind::WaitForSignal,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "resume",
            *b"\xA2\xB4\x1B\xBA\xA7\r^`\x85>\x10\x11\xE3\x1Ad\x88\xE8\xEA\xC1\xAC",
            ::inngest::function::StepKind::SendSignal,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "progress",
            *b"Z\xAF\x89\x05\xF3*C\xE8\xDD\x1A.\xA0\xCB\xAC\xB6\x89B\x8C\xCE\xCD",
            ::inngest::function::StepKind::Publish,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "page",
            *b"vp\x13\xCE\x0E\xE0\xF6\xD7\xA0u\x87\x91.\xBA1\x04\xCF\xAA\xBC\x15",
            ::inngest::function::StepKind::Fetch,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "ask",
            *b"\x1C\x8F\t'\x0F\xC3:9:\xF3\xEA\xF0\xB2\xEB\xF5\x8E\xB9\xBB\xBC\xC2",
            ::inngest::function::StepKind::AiInfer,
            ::core::file!(),
            ::core::line!(),
        ),
    ];
}
const _: fn() = || {
    #[allow(unused_imports)]
    use ::inngest::__private::probe::methods::*;
    (&&&&::inngest::__private::Probe::<(Result<(), StepError>, ())>::NEW)
        .stephttp_half_answer();
};
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < tools >
    (::core::concat!(::core::module_path!(), "::tools"), ::core::file!(),
    ::core::line!(),)
}
