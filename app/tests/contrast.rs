//! Every text on its surface is at least 4.5:1, every mark 3:1, for every company's hue, light and dark: computed from
//! the tokens, so that a new colour can't be unreadable by accident.

use std::collections::HashMap;

type Tokens = HashMap<String, [f64; 3]>;

/// Text roles and the surfaces that they are used on.
const TEXT: [(&str, &[&str]); 9] = [
    ("text", &["surface", "raised", "sunken", "hover", "pressed", "accent-soft"]),
    ("muted", &["surface", "raised", "sunken", "hover", "accent-soft"]),
    ("accent-text", &["surface", "raised", "sunken", "accent-soft"]),
    ("on-accent", &["accent", "accent-hover"]),
    ("warning-text", &["warning-soft"]),
    ("danger-text", &["surface", "sunken", "danger-soft", "hover"]),
    ("on-danger", &["danger"]),
    ("text", &["warning-soft", "danger-soft"]),
    ("avatar-text", &["avatar"]),
];
/// Marks that mean something, and what they stand on.
const MARKS: [(&str, &[&str]); 5] = [
    ("accent", &["surface", "raised", "sunken"]),
    ("positive", &["surface"]),
    ("warning", &["surface", "raised"]),
    ("danger", &["surface"]),
    ("line-strong", &["surface", "raised"]),
];

fn number(text: &str, hue: f64) -> f64 {
    if text.starts_with("var(--hue") { hue } else { text.parse().unwrap_or_else(|_| panic!("{text} is no number")) }
}

/// The tokens of one block, with the avatar's composed colours.
fn tokens(block: &str, hue: f64) -> Tokens {
    let mut tokens = Tokens::new();
    let mut plain = HashMap::new();
    for line in block.lines() {
        let Some((name, value)) = line.trim().strip_prefix("--").and_then(|line| line.split_once(": ")) else {
            continue;
        };
        let value = value.trim_end_matches(';');
        if let Some(inside) = value.strip_prefix("oklch(").and_then(|rest| rest.split_once(')').map(|_| rest)) {
            let parts: Vec<&str> = inside.split_whitespace().collect();
            let colour = [number(parts[0], hue), number(parts[1], hue), number(parts[2].trim_end_matches(')'), hue)];
            tokens.insert(name.to_owned(), colour);
        } else if let Ok(value) = value.parse::<f64>() {
            plain.insert(name.to_owned(), value);
        }
    }
    tokens.insert("avatar".to_owned(), [plain["avatar-l"], plain["avatar-c"], hue]);
    tokens.insert("avatar-text".to_owned(), [plain["avatar-text-l"], 0.07, hue]);
    tokens
}

/// Relative luminance of an OKLCH colour, cut to what a screen shows.
#[expect(clippy::many_single_char_names, reason = "as in the definition of OKLCH")]
fn luminance([l, c, h]: [f64; 3]) -> f64 {
    let (a, b) = (c * h.to_radians().cos(), c * h.to_radians().sin());
    let cube = |value: f64| value * value * value;
    let (l, m, s) = (
        cube(l + 0.396_337_777_4 * a + 0.215_803_757_3 * b),
        cube(l - 0.105_561_345_8 * a - 0.063_854_172_8 * b),
        cube(l - 0.089_484_177_5 * a - 1.291_485_548 * b),
    );
    let red = 4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s;
    let green = -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s;
    let blue = -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s;
    0.2126 * red.clamp(0.0, 1.0) + 0.7152 * green.clamp(0.0, 1.0) + 0.0722 * blue.clamp(0.0, 1.0)
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn colours_can_be_read_in_every_company() {
    let css = include_str!("../../style/tokens.css");
    let light = css.split(":root, .scope {").nth(1).and_then(|rest| rest.split('}').next()).expect("the light tokens");
    let dark = css
        .split("prefers-color-scheme: dark")
        .nth(1)
        .and_then(|rest| rest.split_once('{')?.1.split('}').next())
        .expect("the dark tokens");
    let chosen = css
        .split(":root[data-theme=\"dark\"], ")
        .nth(1)
        .and_then(|rest| rest.split('}').next())
        .expect("the chosen dark tokens");
    let mut wrong = Vec::new();
    for (scheme, block) in [("light", light), ("dark", dark), ("chosen dark", chosen)] {
        for hue in (0..360).step_by(15) {
            let tokens = tokens(block, f64::from(hue));
            for (pairs, least) in [(&TEXT[..], 4.5), (&MARKS[..], 3.0)] {
                for (front, backs) in pairs {
                    for back in *backs {
                        let is = contrast(tokens[*front], tokens[*back]);
                        if is < least {
                            wrong.push(format!("{scheme}, hue {hue}: {front} on {back} is {is:.2}, less than {least}"));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
