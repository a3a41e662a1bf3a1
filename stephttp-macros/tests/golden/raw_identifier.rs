// #[api_fn(id = "type")]
async fn r#type(mut step: Step) {
    ::inngest::__private::enter::<r#type>(&step);
    use_up(&mut step);
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
enum r#type {}
#[automatically_derived]
impl ::inngest::ApiFn for r#type {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("type");
    const STEPS: &'static [::inngest::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < r#type >
    (::core::concat!(::core::module_path!(), "::type"), ::core::file!(),
    ::core::line!(),)
}
