// #[api_fn(id = "gated")]
#[cfg(feature = "orders")]
#[expect(unused_variables)]
async fn gated(step: Step) {
    ::inngest::__private::enter::<gated>(&step);
}
#[cfg(feature = "orders")]
#[allow(non_camel_case_types)]
#[doc(hidden)]
enum gated {}
#[cfg(feature = "orders")]
#[automatically_derived]
impl ::inngest::ApiFn for gated {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("gated");
    const STEPS: &'static [::inngest::StepMeta] = &[];
}
#[cfg(feature = "orders")]
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < gated >
    (::core::concat!(::core::module_path!(), "::gated"), ::core::file!(),
    ::core::line!(),)
}
