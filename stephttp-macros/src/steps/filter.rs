//! The filter of a typed wait: `.matching(|paid| paid.order.eq(&order))`.
//!
//! Inngest evaluates it, so it is made of methods. Rust's operators are said to be none, each with
//! the method to write.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{BinOp, Expr, ExprLit, ExprMethodCall, Lit, Pat, Stmt, UnOp, spanned::Spanned};

use crate::{errors::Errors, tokens::mentions};

/// Reports it, and gives the good case.
pub(super) fn mend(args: &TokenStream, errors: &mut Errors) -> Option<TokenStream> {
    if let Some(mended) = untyped(args, errors) {
        return Some(mended);
    }
    let Ok(Expr::Closure(mut closure)) = syn::parse2::<Expr>(args.clone()) else { return None };
    let event = match closure.inputs.first()? {
        Pat::Ident(event) => event.ident.to_string(),
        _ => return None,
    };
    let mended = condition(&closure.body, &event, errors)?;
    *closure.body = Expr::Verbatim(mended);
    Some(closure.into_token_stream())
}

/// `.matching("data.order", &order)`, as untyped waits have it.
fn untyped(args: &TokenStream, errors: &mut Errors) -> Option<TokenStream> {
    use syn::{Token, parse::Parser, punctuated::Punctuated};
    let args = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(args.clone()).ok()?;
    let Some(Expr::Lit(ExprLit { lit: Lit::Str(path), .. })) = args.first() else { return None };
    let text = path.value();
    let field = text.strip_prefix("data.").filter(|field| syn::parse_str::<Ident>(field).is_ok());
    errors.on(
        path,
        format_args!(
            "the filter of a typed wait is a closure, which knows the event's fields: write `.matching(|event| \
             event.{}.eq(&value))`, or `.filter(..)` for an expression in CEL",
            field.unwrap_or("order")
        ),
    );
    let args = args.iter();
    Some(quote!(|_| { let _ = (#(&#args),*); ::core::unreachable!() }))
}

/// `None`: nothing to report.
fn condition(expr: &Expr, event: &str, errors: &mut Errors) -> Option<TokenStream> {
    match expr {
        Expr::Paren(inner) => condition(&inner.expr, event, errors).map(|inner| quote!((#inner))),
        Expr::Block(block) if block.label.is_none() => match &block.block.stmts[..] {
            [Stmt::Expr(only, None)] => condition(only, event, errors),
            _ => None,
        },
        // A condition has `!`, and a field has none.
        Expr::Unary(not) if matches!(not.op, UnOp::Not(_)) && matches!(*not.expr, Expr::Field(_)) => {
            let (op, field) = (&not.op, &not.expr);
            if !mentions(field, event) {
                return None;
            }
            errors.on(
                op,
                format_args!("a filter compares a field with a value: write `{}.eq(false)`", text(field)),
            );
            let span = expr.span();
            Some(quote_spanned!(span=> { let _ = &#field; ::core::unreachable!() }))
        }
        Expr::Unary(not) if matches!(not.op, UnOp::Not(_)) => {
            let op = &not.op;
            condition(&not.expr, event, errors).map(|inner| quote!(#op (#inner)))
        }
        Expr::Binary(binary) if mentions(expr, event) => {
            let (left, right) = (&*binary.left, &*binary.right);
            let method = method(&binary.op)?;
            let span = binary.op.span();
            if matches!(method, "and" | "or") {
                let (left_text, right_text) = (text(left), text(right));
                errors.on(
                    binary.op,
                    format_args!(
                        "Inngest evaluates a filter, which is made of methods: write `{left_text}.{method}({right_text})`"
                    ),
                );
                let left = condition(left, event, errors).unwrap_or_else(|| left.to_token_stream());
                let right = condition(right, event, errors).unwrap_or_else(|| right.to_token_stream());
                let method = Ident::new(method, span);
                return Some(quote_spanned!(span=> (#left).#method(#right)));
            }
            let (left, right, method) = match mentions(left, event) {
                true => (left, right, method),
                false => (right, left, flipped(method)),
            };
            let value = match right {
                Expr::Lit(_) | Expr::Reference(_) => right.to_token_stream(),
                value => quote!(&#value),
            };
            let value_text = match right {
                Expr::Lit(_) | Expr::Reference(_) => text(right),
                value => format!("&{}", text(value)),
            };
            errors.on(
                binary.op,
                format_args!(
                    "Inngest evaluates a filter, which is made of methods: write `{}.{method}({value_text})`",
                    text(left)
                ),
            );
            let method = Ident::new(method, span);
            Some(quote_spanned!(span=> (#left).#method(#value)))
        }
        Expr::MethodCall(call) if call.method == "and" || call.method == "or" => {
            let ExprMethodCall { receiver, method, args, .. } = call;
            let [other] = &args.iter().collect::<Vec<_>>()[..] else { return None };
            let (left, right) = (condition(receiver, event, errors), condition(other, event, errors));
            if left.is_none() && right.is_none() {
                return None;
            }
            let left = left.unwrap_or_else(|| receiver.to_token_stream());
            let right = right.unwrap_or_else(|| other.to_token_stream());
            Some(quote!((#left).#method(#right)))
        }
        Expr::Field(_) if mentions(expr, event) => {
            errors.on(
                expr,
                format_args!(
                    "a filter compares a field with a value: write `{}.eq(true)`, or another value",
                    text(expr)
                ),
            );
            let span: Span = expr.span();
            Some(quote_spanned!(span=> { let _ = &#expr; ::core::unreachable!() }))
        }
        _ => None,
    }
}

fn method(op: &BinOp) -> Option<&'static str> {
    Some(match op {
        BinOp::Eq(_) => "eq",
        BinOp::Ne(_) => "ne",
        BinOp::Lt(_) => "lt",
        BinOp::Le(_) => "le",
        BinOp::Gt(_) => "gt",
        BinOp::Ge(_) => "ge",
        BinOp::And(_) => "and",
        BinOp::Or(_) => "or",
        _ => return None,
    })
}

fn flipped(method: &'static str) -> &'static str {
    match method {
        "lt" => "gt",
        "le" => "ge",
        "gt" => "lt",
        "ge" => "le",
        same => same,
    }
}

/// The source, if it is short.
fn text(expr: &Expr) -> String {
    let is_short = match expr {
        Expr::Path(_) | Expr::Lit(_) => true,
        Expr::Field(field) => return format!("{}.{}", text(&field.base), field.member.to_token_stream()),
        Expr::Reference(reference) if reference.mutability.is_none() => {
            return format!("&{}", text(&reference.expr));
        }
        Expr::MethodCall(call) if call.turbofish.is_none() => {
            let args: Vec<String> = call.args.iter().map(text).collect();
            return format!("{}.{}({})", text(&call.receiver), call.method, args.join(", "));
        }
        Expr::Paren(inner) => return text(&inner.expr),
        Expr::Binary(binary) => {
            return match method(&binary.op) {
                Some(method) if matches!(*binary.left, Expr::Lit(_)) => {
                    format!("{}.{}({})", text(&binary.right), flipped(method), text(&binary.left))
                }
                Some(method) => format!("{}.{method}({})", text(&binary.left), text(&binary.right)),
                None => "..".to_owned(),
            };
        }
        _ => false,
    };
    if is_short { expr.to_token_stream().to_string().replace(' ', "") } else { "..".to_owned() }
}
