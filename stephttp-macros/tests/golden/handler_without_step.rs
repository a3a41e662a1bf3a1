// #[api_fn(id = "health")]
/**

| Durable endpoint | |
|-|-|
| id | `health` |
| steps | none with a literal id |
| retries | the default |
| stored at Inngest | request body, response body; for requests that run a step |
*/
async fn health() -> &'static str {
    ::inngest::__private::enter_without_step::<health>();
    "ok"
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
#[non_exhaustive]
enum health {}
#[automatically_derived]
impl ::inngest::function::ApiFn for health {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("health");
    const STEPS: &'static [::inngest::function::StepMeta] = &[];
}
const _: fn() = || {
    #[allow(unused_imports)]
    use ::inngest::__private::probe::methods::*;
    (&&&::inngest::__private::Probe::<&'static str>::NEW).stephttp_answer();
};
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < health >
    (::core::concat!(::core::module_path!(), "::health"), ::core::file!(),
    ::core::line!(),)
}
