// #[api_fn(id = "health")]
async fn health() -> &'static str {
    "ok"
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
enum health {}
#[automatically_derived]
impl ::inngest::ApiFn for health {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("health");
    const STEPS: &'static [::inngest::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < health >
    (::core::concat!(::core::module_path!(), "::health"), ::core::file!(),
    ::core::line!(),)
}
