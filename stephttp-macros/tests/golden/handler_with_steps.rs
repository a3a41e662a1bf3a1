// #[api_fn(id = "create-order", retries = 3)]
/// Creates an order.
#[tracing::instrument]
/**

| Durable endpoint | |
|-|-|
| id | `create-order` |
| steps | `charge-card`, `sum`, `cool-off` (sleep), `midnight` (sleep_until) |
| retries | 3 for each step |
| stored at Inngest | request body, results of steps, response body; for requests that run a step |
| answer when handed over | the provider's default |
*/
pub async fn create_order(
    State(shop): State<Shop>,
    step: Step,
    Json(cart): Json<Cart>,
) -> Result<Json<Receipt>, StepError> {
    #[allow(unused_imports)]
    use ::inngest::__private::block::methods::*;
    let entered = ::inngest::__private::enter::<create_order>(&step);
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
                    let never: Result<Json<Receipt>, StepError> = loop {};
                    return never;
                }
                {
                    let charge = step
                        .run(
                            ::inngest::__private::step_id(
                                "charge-card",
                                *b"\xB2\xAE\x8F'.\xA6`\x90\x0F\xCA:\xEE\xFB\xD3\x96\x95\xC4?\\\xC9",
                            ),
                            shop.charge(&cart),
                        )
                        .await?;
                    let n = step
                        .run(
                            ::inngest::__private::step_id(
                                "sum",
                                *b"\xE9\xDF\xF3U}\xEDt\x14\xAES\x084\xDEp\x11\xF18\x8D *",
                            ),
                            ::inngest::__private::block::block(async {
                                    Ok(a().await? + b().await?)
                                })
                                .stephttp_typed(),
                        )
                        .await?;
                    step.sleep(
                            ::inngest::__private::step_id(
                                "cool-off",
                                *b"\0\xE3e\xC3\xC5\xBE\xFEj\xD2\x98q\xDD\x94\xDC\xD5<\x9B\r\xDF\xAC",
                            ),
                            Duration::from_secs(3600),
                        )
                        .await;
                    step.sleep_until(
                            ::inngest::__private::step_id(
                                "midnight",
                                *b"b\xB4\x87\xBC\x84\x82[=\xF0(\xA92\xF0\x82Rn\x19^\xEF\xF2",
                            ),
                            at,
                        )
                        .await;
                    Ok(Json(Receipt::from(charge)))
                }
            },
        )
        .await
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
pub enum create_order {}
#[automatically_derived]
impl ::inngest::function::ApiFn for create_order {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("create-order").retries(3);
    const STEPS: &'static [::inngest::function::StepMeta] = &[
        ::inngest::__private::step_meta(
            "charge-card",
            *b"\xB2\xAE\x8F'.\xA6`\x90\x0F\xCA:\xEE\xFB\xD3\x96\x95\xC4?\\\xC9",
            ::inngest::function::StepKind::Run,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "sum",
            *b"\xE9\xDF\xF3U}\xEDt\x14\xAES\x084\xDEp\x11\xF18\x8D *",
            ::inngest::function::StepKind::Run,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "cool-off",
            *b"\0\xE3e\xC3\xC5\xBE\xFEj\xD2\x98q\xDD\x94\xDC\xD5<\x9B\r\xDF\xAC",
            ::inngest::function::StepKind::Sleep,
            ::core::file!(),
            ::core::line!(),
        ),
        ::inngest::__private::step_meta(
            "midnight",
            *b"b\xB4\x87\xBC\x84\x82[=\xF0(\xA92\xF0\x82Rn\x19^\xEF\xF2",
            ::inngest::function::StepKind::Sleep,
            ::core::file!(),
            ::core::line!(),
        ),
    ];
}
const _: fn() = || {
    #[allow(unused_imports)]
    use ::inngest::__private::probe::methods::*;
    (&&&&::inngest::__private::Probe::<Json<Cart>>::NEW)
        .stephttp_kind()
        .last::<Json<Cart>>();
    (&&&&::inngest::__private::Probe::<
        (Result<Json<Receipt>, StepError>, Json<Receipt>),
    >::NEW)
        .stephttp_half_answer();
};
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < create_order >
    (::core::concat!(::core::module_path!(), "::create_order"), ::core::file!(),
    ::core::line!(),)
}
