//! Time limits that are written as constants.

use proc_macro2::TokenStream;
use syn::{Expr, ExprLit, Lit, Path};

/// `Duration::ZERO`, `Duration::from_secs(0)`
pub(super) fn is_zero(limit: &TokenStream) -> bool {
    match syn::parse2::<Expr>(limit.clone()) {
        Ok(Expr::Path(zero)) => is_of_duration(&zero.path, |name| name == "ZERO"),
        Ok(Expr::Call(call)) => {
            let Expr::Path(function) = &*call.func else { return false };
            let zero = |argument: &Expr| match argument {
                Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
                    number.base10_parse::<u128>().is_ok_and(|n| n == 0)
                }
                _ => false,
            };
            is_of_duration(&function.path, |name| name.starts_with("from_"))
                && call.args.len() == 1
                && call.args.iter().all(zero)
        }
        _ => false,
    }
}

/// `Duration::name`, `std::time::Duration::name`
fn is_of_duration(path: &Path, is_named: impl Fn(&str) -> bool) -> bool {
    let mut segments = path.segments.iter().rev();
    let (Some(name), Some(owner)) = (segments.next(), segments.next()) else { return false };
    owner.ident == "Duration" && is_named(&name.ident.to_string())
}
