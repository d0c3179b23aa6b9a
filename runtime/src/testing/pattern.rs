//! Names with wildcards.

/// Whether `name` fits `pattern`, in which `*` stands for any text and `?` for any character.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star was, and what of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn wildcards_stand_for_what_they_say() {
        let rows = [
            ("search", "search", true, "itself"),
            ("search", "research", false, "the whole name counts"),
            ("*", "", true, "a star is also nothing"),
            ("s*h", "search", true, "a star in the middle"),
            ("*ea*h*", "search", true, "several stars"),
            ("s?arch", "search", true, "one character"),
            ("s?arch", "sarch", false, "not none"),
            ("*a*b", "aXbXa", false, "a star gives back"),
            ("größe-*", "größe-7", true, "characters, not bytes"),
            ("", "x", false, "nothing"),
        ];
        for (pattern, name, expected, why) in rows {
            assert_eq!(fits(pattern, name), expected, "{why}: {pattern} {name}");
        }
    }
}
