//! A field of an event, of a known type.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;

use super::cel;
use super::condition::Condition;
use crate::event::EventFields;

/// A field of an event, whose values are of the type `T`: what [`Condition`]s are made of.
///
/// [`WaitForStep::matching`](super::WaitForStep::matching) gives all fields of an event, and
/// [`EventFields::fields`] does. A value of another type does not compile:
///
/// ```compile_fail
/// # use inngest::{EventData, EventFields};
/// # #[derive(EventData)]
/// # #[event(name = "shop/paid")]
/// # struct Paid { cents: u32 }
/// let condition = Paid::fields().cents.eq("990");
/// ```
///
/// An event without the field is not equal to any value. Do not rely on what a negation makes of
/// it.
pub struct Field<T> {
    /// The objects that it is in, from the event's data.
    parents: Vec<&'static str>,
    /// `None`: it is flattened into them.
    name: Option<&'static str>,
    holds: PhantomData<fn() -> T>,
}

/// In the place of the type of a field with `#[serde(with = "..")]`, whose values in JSON are what
/// a function makes of them: it cannot be compared here, but with
/// [`filter`](super::WaitForStep::filter).
#[derive(Debug, Clone, Copy)]
pub enum CustomForm {}

impl<T> Field<T> {
    /// The field with this name in JSON. The derive calls it.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { parents: Vec::new(), name: Some(name), holds: PhantomData }
    }

    /// The field whose own fields are those of what it is in. The derive calls it.
    #[doc(hidden)]
    #[must_use]
    pub const fn flattened() -> Self {
        Self { parents: Vec::new(), name: None, holds: PhantomData }
    }

    /// Its value is this one. It must be written as a text, a number, a boolean or `null` in JSON;
    /// another one is the wait's error, as is a text that Inngest [does not
    /// compare](super::WaitForEventStep::matching).
    pub fn eq(&self, value: impl ComparableWith<T>) -> Condition {
        self.compare("==", value)
    }

    /// Its value is another one.
    pub fn ne(&self, value: impl ComparableWith<T>) -> Condition {
        self.compare("!=", value)
    }

    fn compare(&self, operator: &str, value: impl Serialize) -> Condition {
        let path = self.path();
        let literal = cel::literal(value);
        Condition::new(path.and_then(|path| Ok(format!("{path} {operator} {}", literal?))))
    }

    fn path(&self) -> Result<String, String> {
        let names = self.parents.iter().chain(&self.name);
        names
            .map(|name| cel::member(name))
            .try_fold("async.data".to_owned(), |path, member| Ok(path + &member?))
    }
}

impl<T> Field<T> {
    /// Its value is less than this one.
    pub fn lt(&self, value: impl ComparableWith<T>) -> Condition
    where
        T: Ordered,
    {
        self.compare("<", value)
    }

    /// Its value is at most this one.
    pub fn le(&self, value: impl ComparableWith<T>) -> Condition
    where
        T: Ordered,
    {
        self.compare("<=", value)
    }

    /// Its value is greater than this one.
    pub fn gt(&self, value: impl ComparableWith<T>) -> Condition
    where
        T: Ordered,
    {
        self.compare(">", value)
    }

    /// Its value is at least this one.
    pub fn ge(&self, value: impl ComparableWith<T>) -> Condition
    where
        T: Ordered,
    {
        self.compare(">=", value)
    }

    /// A field of the object in this one, whose type, or that in its [`Option`], derives
    /// [`EventFields`].
    ///
    /// ```
    /// # use inngest::{EventData, EventFields};
    /// # #[derive(EventFields)]
    /// # struct Payer { id: String }
    /// # #[derive(EventData)]
    /// # #[event(name = "shop/paid")]
    /// # struct Paid { payer: Payer }
    /// let condition = Paid::fields().payer.field(|payer| payer.id).eq("p-7");
    /// assert_eq!(condition.to_string(), r#"async.data.payer.id == "p-7""#);
    /// ```
    #[must_use]
    pub fn field<U>(&self, choose: impl FnOnce(T::Fields) -> Field<U>) -> Field<U>
    where
        T: Nested,
    {
        let mut field = choose(T::nested_fields());
        let inside = std::mem::take(&mut field.parents);
        field.parents = self.parents.iter().copied().chain(self.name).chain(inside).collect();
        field
    }
}

/// By hand, since it holds no `T`.
impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        Self { parents: self.parents.clone(), name: self.name, holds: PhantomData }
    }
}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("parents", &self.parents).field("name", &self.name).finish()
    }
}

/// A value that a [`Field<T>`] can be compared with: a `T`, a reference to one, a `&str` where `T`
/// is a text, and the same where `T` is an [`Option`] of it.
#[diagnostic::on_unimplemented(
    message = "a field of type `{T}` cannot be compared with `{Self}`",
    label = "the field is a `{T}`",
    note = "give a `{T}` or a reference to one, and for texts a `&str`; a `CustomForm` is a field with `#[serde(with = \"..\")]`, \
            which only `.filter(\"async.data.…\")` can compare"
)]
pub trait ComparableWith<T>: Serialize {}

impl<T: Serialize> ComparableWith<T> for T {}
impl<T: Serialize> ComparableWith<T> for &T {}
impl<T: Serialize> ComparableWith<Option<T>> for T {}
impl<T: Serialize> ComparableWith<Option<T>> for &T {}

macro_rules! texts {
    ($($text:ty),*) => { $(
        impl ComparableWith<$text> for &str {}
        impl ComparableWith<$text> for &&str {}
        impl ComparableWith<Option<$text>> for &str {}
        impl ComparableWith<Option<$text>> for &&str {}
        impl Ordered for $text {}
    )* };
}

texts!(String, Box<str>, Cow<'static, str>);

/// A type whose values have an order in JSON: numbers, and texts. Implement it for a type of your
/// own that is written as one of these.
///
/// ```
/// # use inngest::{EventData, EventFields};
/// use inngest::step::Ordered;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Cents(u32);
///
/// impl Ordered for Cents {}
///
/// # #[derive(EventData)]
/// # #[event(name = "shop/paid")]
/// # struct Paid { amount: Cents }
/// let condition = Paid::fields().amount.ge(Cents(100));
/// assert_eq!(condition.to_string(), "async.data.amount >= 100");
/// ```
#[diagnostic::on_unimplemented(
    message = "the values of a `{Self}` have no order in an event",
    label = "neither a number nor a text",
    note = "compare with `eq` or `ne`; for a type of your own that is written as a number or a text, implement \
            `inngest::step::Ordered`"
)]
pub trait Ordered {}

macro_rules! ordered {
    ($($number:ty),*) => { $( impl Ordered for $number {} )* };
}

ordered!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

impl<T: Ordered> Ordered for Option<T> {}

/// The type of an object inside of an event, for [`Field::field`]: one that derives
/// [`EventFields`], or an [`Option`] of it.
#[diagnostic::on_unimplemented(
    message = "the fields of `{Self}` are not known",
    label = "no object with fields that a filter can name",
    note = "put `#[derive(inngest::EventFields)]` on the type of an object inside of an event"
)]
pub trait Nested {
    /// As [`EventFields::Fields`].
    type Fields;

    /// As [`EventFields::fields`].
    fn nested_fields() -> Self::Fields;
}

#[diagnostic::do_not_recommend]
impl<T: EventFields> Nested for T {
    type Fields = T::Fields;

    fn nested_fields() -> Self::Fields {
        T::fields()
    }
}

#[diagnostic::do_not_recommend]
impl<T: EventFields> Nested for Option<T> {
    type Fields = T::Fields;

    fn nested_fields() -> Self::Fields {
        T::fields()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Paid;
    struct Payer;

    impl EventFields for Payer {
        type Fields = (Field<String>, Field<Paid>);

        fn fields() -> Self::Fields {
            (Field::new("id"), Field::flattened())
        }
    }

    impl EventFields for Paid {
        type Fields = Field<Option<Payer>>;

        fn fields() -> Self::Fields {
            Field::new("paid-by")
        }
    }

    #[track_caller]
    fn is(condition: &Condition, expression: &str) {
        assert_eq!(condition.to_string(), expression);
        cel::check(expression).unwrap();
    }

    #[test]
    fn values_are_compared_as_json_has_them() {
        let order = Field::<String>::new("order");
        is(&order.eq("o-7"), r#"async.data.order == "o-7""#);
        let own = r#"an "o-7""#.to_owned();
        is(&order.ne(&own), r#"async.data.order != 'an "o-7"'"#);
        is(&order.lt(own), r#"async.data.order < 'an "o-7"'"#);
        let text: &&str = &"o-7";
        is(&order.gt(text), r#"async.data.order > "o-7""#);
        let cents = Field::<Option<u32>>::new("cents");
        is(&cents.eq(None), "async.data.cents == null");
        is(&cents.eq(7), "async.data.cents == 7");
        let least = 7;
        let by_reference: &u32 = &least;
        is(&cents.ge(by_reference), "async.data.cents >= 7");
        is(&Field::<f64>::new("rate").le(1.5), "async.data.rate <= 1.5");
        is(&Field::<bool>::new("done").eq(true), "async.data.done == true");
        is(&Field::<bool>::new("in").eq(true), r#"async.data["in"] == true"#);
    }

    #[test]
    fn fields_of_objects_have_their_path() {
        let payer = Paid::fields();
        is(&payer.field(|payer| payer.0).eq("p"), r#"async.data["paid-by"].id == "p""#);
        let nested = payer.field(|payer| payer.1.field(|again| again).field(|payer| payer.0));
        is(&nested.eq("p"), r#"async.data["paid-by"]["paid-by"].id == "p""#);
    }

    #[test]
    fn conditions_are_in_brackets_where_these_matter() {
        let a = || Field::<u8>::new("a").eq(1);
        let b = || Field::<u8>::new("b").eq(2);
        is(&a().and(b()).and(a()), "async.data.a == 1 && async.data.b == 2 && async.data.a == 1");
        is(&a().and(b()).or(a()), "(async.data.a == 1 && async.data.b == 2) || async.data.a == 1");
        is(&a().and(a().or(b())), "async.data.a == 1 && (async.data.a == 1 || async.data.b == 2)");
        is(&(!a().or(b())).and(b()), "!(async.data.a == 1 || async.data.b == 2) && async.data.b == 2");
    }

    #[test]
    fn what_cannot_be_compared_stays_a_fault() {
        let bad = Field::<String>::new("order").eq("a\\b");
        assert!(bad.clone().into_expression().unwrap_err().contains("unescape"));
        let joined = !Field::<u8>::new("a").eq(1).and(bad).or(Field::<u8>::new("b").eq(1));
        assert!(joined.into_expression().is_err());
        assert!(Field::<u64>::new("n").eq(u64::MAX).into_expression().unwrap_err().contains("as a string"));
        assert!(Field::<[u8; 1]>::new("n").eq([1]).into_expression().is_err());
        assert!(Field::<u8>::new("a\\b").eq(1).into_expression().is_err());
    }
}
