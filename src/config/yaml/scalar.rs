//! What a plain scalar is by YAML 1.2's core schema (chapter 10.3.2 of its specification).

use super::Value;

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        number if is_number(number) => Value::Number(number.to_owned()),
        other => Value::Text(other.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let all =
        |text: &str, digit: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(digit);
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |digit| (b'0'..=b'7').contains(digit));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, u8::is_ascii_hexdigit);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    all(&digits, u8::is_ascii_digit) && all(exponent, u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_scalar_is_what_the_core_schema_says() {
        let check = |text: &str, expected: &str| {
            let kind = match resolve(text) {
                Value::Null => "null",
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                _ => "text",
            };
            assert_eq!(kind, expected, "{text:?}");
        };
        for text in [
            "1", "-1", "1.10", "1.", ".5", "1e3", "+1E-3", "0o14", "0xff", ".inf", "-.INF", ".nan",
            "012",
        ] {
            check(text, "number");
        }
        for text in [
            "1.2.3", ".", "-", "1e", "e1", "0o8", "0x", "yes", "no", "on", "1:2", "1_0", "0.7a",
            "-x",
        ] {
            check(text, "text");
        }
        check("~", "null");
        check("True", "bool");
    }
}
