// #[derive(EventData)]
const _: () = {
    #[doc(hidden)]
    #[allow(dead_code, missing_docs, missing_debug_implementations, non_snake_case)]
    pub struct PaidFields {
        pub order_id: ::inngest::step::Field<String>,
        pub(crate) cents: ::inngest::step::Field<u32>,
        payer: ::inngest::step::Field<Option<Payer>>,
        address: ::inngest::step::Field<Address>,
        r#type: ::inngest::step::Field<::inngest::step::CustomForm>,
    }
    #[automatically_derived]
    impl ::inngest::EventFields for Paid {
        type Fields = PaidFields;
        #[inline]
        fn fields() -> PaidFields {
            PaidFields {
                order_id: ::inngest::step::Field::new("orderId"),
                cents: ::inngest::step::Field::new("cents"),
                payer: ::inngest::step::Field::new("paid-by"),
                address: ::inngest::step::Field::flattened(),
                r#type: ::inngest::step::Field::new("type"),
            }
        }
    }
    #[automatically_derived]
    impl ::inngest::EventData for Paid {
        const NAME: &'static str = ::inngest::__private::event_name("shop/paid");
        const VERSION: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            "1",
        );
    }
};
