//! The names that an expression may use.

/// Words with a meaning of their own: neither names nor fields.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(word, "true" | "false" | "null" | "in")
}

/// Words that CEL keeps for later: fields, but not names.
pub(super) fn is_reserved(word: &str) -> bool {
    const RESERVED: [&str; 17] = [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "namespace",
        "package",
        "return",
        "var",
        "void",
        "while",
    ];
    RESERVED.contains(&word)
}

/// CEL's types; most are functions, too, which convert.
const TYPES: [&str; 9] = ["bool", "bytes", "double", "dyn", "int", "string", "type", "uint", "list"];

/// What an expression is about, and types.
pub(super) fn is_known(name: &str) -> bool {
    // From the server's environment: pkg/expressions/exprenv/exprenv.go
    matches!(name, "event" | "async" | "vars" | "map" | "null_type") || TYPES.contains(&name)
}

/// Macros that bind a name, their first argument: `items.exists(item, item.price > 10)`.
pub(super) fn binds(method: &str) -> bool {
    matches!(method, "all" | "exists" | "exists_one" | "existsOne" | "map" | "filter")
}
