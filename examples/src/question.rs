//! What a question asks for.

/// The parts of a question that can be looked up separately, at least one.
///
/// ```
/// use galileo_examples::question::parts;
///
/// assert_eq!(parts("What is a span, and where does it go?"), ["What is a span", "where does it go?"]);
/// ```
pub fn parts(question: &str) -> Vec<&str> {
    let long_enough = |part: &&str| part.split_whitespace().count() >= 3;
    let sentences = question.split("? ").flat_map(|sentence| sentence.split(", and "));
    let parts: Vec<&str> = sentences.map(str::trim).filter(long_enough).collect();
    if parts.is_empty() { vec![question] } else { parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_falls_into_its_parts() {
        let cases: [(&str, &[&str], &str); 5] = [
            ("What is a span?", &["What is a span?"], "one part"),
            ("What is a span, and where is it?", &["What is a span", "where is it?"], "joined by a comma and `and`"),
            ("What is a span? Where is it?", &["What is a span", "Where is it?"], "two sentences"),
            (
                "What links Rust and Python?",
                &["What links Rust and Python?"],
                "a plain `and` joins words, not questions",
            ),
            ("Why?", &["Why?"], "too short to split is still a question"),
        ];
        for (question, expected, why) in cases {
            assert_eq!(parts(question), expected, "{why}");
        }
    }
}
