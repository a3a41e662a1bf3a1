// #[api_fn(id = "first")]
#[allow(clippy::items_after_statements)]
async fn first(step: Step) -> Result<(), Error>
where
    Shop: Send,
{
    #![allow(unused)]
    //! Inner.
    ::inngest::__private::enter::<first>(&step);
    use std::fmt::Write as _;
    Ok(())
}
#[allow(non_camel_case_types)]
#[doc(hidden)]
enum first {}
#[automatically_derived]
impl ::inngest::ApiFn for first {
    const OPTS: ::inngest::FnOpts = ::inngest::FnOpts::new("first");
    const STEPS: &'static [::inngest::StepMeta] = &[];
}
::inngest::__private::inventory::submit! {
    ::inngest::__private::registration:: < first >
    (::core::concat!(::core::module_path!(), "::first"), ::core::file!(),
    ::core::line!(),)
}
