//! Fields whose integers a 64-bit float does not hold, as far as the type's own words show it.

use syn::{GenericArgument, Ident, PathArguments, Type};

use crate::tokens::ungrouped;

/// Types that have what they hold as JSON, as it is or in an array.
const CONTAINERS: &[&str] = &[
    "Option",
    "Vec",
    "VecDeque",
    "LinkedList",
    "Box",
    "Rc",
    "Arc",
    "Cow",
    "HashSet",
    "BTreeSet",
    "IndexSet",
    "NonZero",
    "Wrapping",
    "Saturating",
    "Reverse",
];

/// Those that have it in an object, by keys that are texts whatever their type is.
const MAPS: &[&str] = &["HashMap", "BTreeMap", "IndexMap"];

/// The integer type of over 53 bits that is in a type's words.
pub(super) fn too_large(ty: &Type) -> Option<&Ident> {
    match ungrouped(ty) {
        Type::Array(ty) => too_large(&ty.elem),
        Type::Slice(ty) => too_large(&ty.elem),
        Type::Reference(ty) => too_large(&ty.elem),
        Type::Tuple(ty) => ty.elems.iter().find_map(too_large),
        Type::Path(ty) if ty.qself.is_none() => {
            let last = ty.path.segments.last()?;
            if instead(&last.ident).is_some() && last.arguments.is_none() {
                return Some(&last.ident);
            }
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            let is = |names: &[&str]| names.iter().any(|name| last.ident == name);
            let skipped = usize::from(is(MAPS));
            let mut held = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            if !is(CONTAINERS) && !is(MAPS) {
                return None;
            }
            held.by_ref().take(skipped).for_each(drop);
            held.find_map(too_large)
        }
        _ => None,
    }
}

/// What to write instead of an integer type of over 53 bits.
pub(super) fn instead(ident: &Ident) -> Option<&'static str> {
    let name = ident.to_string();
    let bare = name.strip_prefix("NonZero").unwrap_or(&name);
    let is_own = bare.len() < name.len();
    let small = match bare {
        "u64" | "u128" | "usize" if !is_own => "u32",
        "i64" | "i128" | "isize" if !is_own => "i32",
        "U64" | "U128" | "Usize" if is_own => "NonZeroU32",
        "I64" | "I128" | "Isize" if is_own => "NonZeroI32",
        _ => return None,
    };
    Some(small)
}
