// #[api_fn(id = "unnamed")]
pub(crate) async fn unnamed(hidden_step: inngest::Step) {
    ::inngest::__private::enter::<unnamed>(&hidden_step);
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
pub(crate) enum unnamed {}
#[automatically_derived]
impl ::inngest::ApiFn for unnamed {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("unnamed");
    const STEPS: &'static [::inngest::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < unnamed >
    (::core::concat!(::core::module_path!(), "::unnamed"), ::core::file!(),
    ::core::line!(),)
}
