// #[api_fn(id = "underscored")]
async fn underscored(_step: Step) {
    #[allow(clippy::used_underscore_binding)]
    ::inngest::__private::enter::<underscored>(&_step);
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
enum underscored {}
#[automatically_derived]
impl ::inngest::ApiFn for underscored {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("underscored");
    const STEPS: &'static [::inngest::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < underscored >
    (::core::concat!(::core::module_path!(), "::underscored"), ::core::file!(),
    ::core::line!(),)
}
