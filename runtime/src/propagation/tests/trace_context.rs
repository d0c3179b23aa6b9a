//! The rules by which the official W3C suite judges a service, and those it leaves out.

use super::*;

const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn accepted(lines: Lines<'_>) -> Option<String> {
    extract(lines).w3c.map(|w3c| w3c.traceparent.to_string())
}

#[test]
fn traceparent_values() {
    let same = Some(VALID);
    for (value, expected, why) in [
        (VALID, same, "version 00"),
        (" \t00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\t ", same, "spaces and tabs around"),
        ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", same, "a higher version reads as 00"),
        (
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future",
            same,
            "and may continue after a hyphen",
        ),
        ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", same, "with nothing behind it"),
        ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what", None, "but not after anything else"),
        ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011", None, "nor with longer flags"),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "version ff"),
        ("FF-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "version FF"),
        (".0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "version with a dot"),
        ("0.-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "version with a dot behind"),
        ("0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "version too short"),
        ("000-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "version too long"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what", None, "version 00 ends after the flags"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", None, "even before an empty rest"),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", None, "trace of zeros"),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", None, "parent of zeros"),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", None, "upper-case trace"),
        ("00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01", None, "upper-case parent"),
        ("00-.af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "trace with a dot"),
        ("00-0af7651916cd43dd8448eb211c80319c-.7ad6b7169203331-01", None, "parent with a dot"),
        ("00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", None, "trace too short"),
        ("00-0af7651916cd43dd8448eb211c80319c1-b7ad6b7169203331-01", None, "trace too long"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01", None, "parent too short"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033311-01", None, "parent too long"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-.0", None, "flags with a dot"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0.", None, "flags with a dot behind"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1", None, "flags too short"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-001", None, "flags too long"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A", None, "upper-case flags"),
        ("00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", None, "other separators"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,", None, "a comma behind"),
        ("", None, "empty"),
        ("-", None, "a hyphen"),
    ] {
        assert_eq!(accepted(&[("traceparent", value.as_bytes())]).as_deref(), expected, "{why}: `{value}`");
        let counted = rejected(&extract(&[("traceparent", value.as_bytes())]));
        assert_eq!(counted.is_empty(), expected.is_some(), "{why}: counted");
    }
}

#[test]
fn flags_keep_the_two_known_bits() {
    for (flags, expected, why) in [
        ("00", "00", "not sampled"),
        ("01", "01", "sampled"),
        ("02", "02", "random, sent on by level 2"),
        ("03", "03", "both"),
        ("ff", "03", "unknown bits become zero"),
        ("fc", "00", "only unknown bits"),
    ] {
        let value = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let remote = extract(&[("traceparent", value.as_bytes())]);
        assert!(accepted(&[("traceparent", value.as_bytes())]).unwrap().ends_with(&format!("-{expected}")), "{why}");
        assert_eq!(remote.is_sampled(), expected == "01" || expected == "03", "{why}");
    }
}

#[test]
fn traceparent_lines() {
    let v = VALID.as_bytes();
    for (lines, expected, why) in [
        (&[] as Lines<'_>, false, "none"),
        (&[("TraceParent", v)], true, "any case"),
        (&[("TRACEPARENT", v)], true, "capitals"),
        (&[("trace-parent", v)], false, "a look-alike"),
        (&[("trace.parent", v)], false, "another look-alike"),
        (&[("traceparent", v), ("traceparent", v)], false, "two, even equal ones"),
        (&[("traceparent", v), ("TraceParent", b"")], false, "two, one of them empty"),
        (&[("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033\xe9\xe9-01")], false, "not ASCII"),
    ] {
        assert_eq!(accepted(lines).is_some(), expected, "{why}");
    }
}

#[test]
fn traceparent_is_read_up_to_512_bytes_over_all_lines() {
    let future =
        |length: usize| format!("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-{}", "x".repeat(length - 56));
    assert!(accepted(&[("traceparent", future(512).as_bytes())]).is_some());
    let over = extract(&[("traceparent", future(513).as_bytes())]);
    assert!(over.w3c.is_none());
    assert_eq!(rejected(&over), [(Header::Traceparent, Reason::Oversized)]);
    let half = [b' '; 256];
    let many = extract(&[("traceparent", &half), ("traceparent", &half)]);
    assert_eq!(rejected(&many), [(Header::Traceparent, Reason::Duplicate)]);
    let many = extract(&[("traceparent", &half), ("traceparent", &half), ("traceparent", b" ")]);
    assert_eq!(rejected(&many), [(Header::Traceparent, Reason::Oversized)]);
}

/// The list that goes on, or `None` when it is dropped.
fn tracestate(lines: &[&str]) -> Option<String> {
    let mut all: Vec<(&str, &[u8])> = vec![("traceparent", VALID.as_bytes())];
    all.extend(lines.iter().map(|line| ("tracestate", line.as_bytes())));
    let remote = extract(&all);
    let w3c = remote.w3c.expect("a bad tracestate never affects traceparent");
    assert_eq!(w3c.traceparent.to_string(), VALID);
    let dropped = remote.rejected.iter().any(|rejection| rejection.header == Header::Tracestate);
    assert!(!dropped || w3c.tracestate.is_empty());
    (!dropped).then(|| w3c.tracestate.as_str().to_owned())
}

#[test]
fn tracestate_lists() {
    let key256 = "z".repeat(256);
    let key257 = "z".repeat(257);
    let tenant = format!("{}@{}", "t".repeat(241), "v".repeat(14));
    let long_tenant = format!("{}@v", "t".repeat(242));
    let long_system = format!("t@{}", "v".repeat(15));
    let value256 = "v".repeat(256);
    let value257 = "v".repeat(257);
    let one = |key: &str, value: &str| format!("foo=1,{key}={value}");
    let rows: Vec<(Vec<String>, Option<String>, &str)> = vec![
        (vec![], Some(String::new()), "no header"),
        (vec!["foo=1".into()], Some("foo=1".into()), "one member"),
        (vec!["foo=1,bar=2".into()], Some("foo=1,bar=2".into()), "order is kept"),
        (
            vec!["foo=1,bar=2".into(), "rojo=1,congo=2".into()],
            Some("foo=1,bar=2,rojo=1,congo=2".into()),
            "lines are joined in order",
        ),
        (vec!["foo=1".into(), String::new(), "bar=2".into()], Some("foo=1,bar=2".into()), "an empty line"),
        (vec![String::new()], Some(String::new()), "only an empty line"),
        (vec!["foo=1,,,bar=2,".into()], Some("foo=1,bar=2".into()), "empty members"),
        (vec!["foo=1 \t , \t bar=2, \t baz=3".into()], Some("foo=1,bar=2,baz=3".into()), "spaces around members"),
        (vec!["foo= 1".into()], Some("foo= 1".into()), "leading spaces of a value are its own"),
        (vec!["foo=1,foo=1".into()], Some("foo=1,foo=1".into()), "equal members are kept"),
        (vec!["foo=1,foo=2".into()], Some("foo=1,foo=2".into()), "so are duplicate keys"),
        (vec![one(&key256, "1")], Some(one(&key256, "1")), "key of 256 characters"),
        (vec![one(&key257, "1")], None, "key of 257 characters"),
        (vec![one(&tenant, "1")], Some(one(&tenant, "1")), "tenant form of 256 characters"),
        (vec![one(&long_tenant, "1")], Some(one(&long_tenant, "1")), "level 2 has no limit before `@`"),
        (vec![one(&long_system, "1")], Some(one(&long_system, "1")), "nor behind it"),
        (vec!["foo@=1,bar=2".into()], Some("foo@=1,bar=2".into()), "`@` at the end"),
        (vec!["foo@@bar=1,bar=2".into()], Some("foo@@bar=1,bar=2".into()), "two `@`"),
        (vec!["foo@bar@baz=1".into()], Some("foo@bar@baz=1".into()), "two `@` apart"),
        (vec!["@foo=1,bar=2".into()], None, "`@` first"),
        (vec!["0a_-*/=1".into()], Some("0a_-*/=1".into()), "all characters of a key, a digit first"),
        (vec!["_a=1".into()], None, "`_` first"),
        (vec!["foo =1".into()], None, "space in a key"),
        (vec!["FOO=1".into()], None, "upper-case key"),
        (vec!["foo.bar=1".into()], None, "dot in a key"),
        (vec!["=1".into()], None, "no key"),
        (vec!["foo".into()], None, "no value and no `=`"),
        (vec!["foo=,bar=3".into()], None, "empty value"),
        (vec!["foo=bar=baz".into()], None, "`=` in a value"),
        (vec!["foo=a\tb".into()], None, "tab in a value"),
        (vec!["foo=1,bar=é".into()], None, "value that is not ASCII"),
        (vec![one("k", &value256)], Some(one("k", &value256)), "value of 256 characters"),
        (vec![one("k", &value257)], None, "value of 257 characters"),
        (
            vec!["foo=!\"#$%&'()*+-./0123456789:;<>?@AZ[\\]^_`az{|}~".into()],
            Some("foo=!\"#$%&'()*+-./0123456789:;<>?@AZ[\\]^_`az{|}~".into()),
            "all characters of a value",
        ),
    ];
    for (lines, expected, why) in rows {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(tracestate(&lines), expected, "{why}");
    }
}

#[test]
fn tracestate_of_32_members_is_kept_and_of_33_dropped() {
    let members =
        |range: std::ops::RangeInclusive<u32>| range.map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",");
    let kept = tracestate(&[&members(1..=10), &members(11..=20), &members(21..=30), &members(31..=32)]);
    assert_eq!(kept, Some(members(1..=32)));
    assert_eq!(tracestate(&[&members(1..=10), &members(11..=20), &members(21..=30), &members(31..=33)]), None);
}

#[test]
fn tracestate_is_read_up_to_8_kib_over_all_lines() {
    // Eight members of 1024 bytes are over the limits of key and value, so padding of spaces fills the lines.
    let line = |length: usize| format!("a=1{}", " ".repeat(length - 3));
    assert_eq!(tracestate(&[&line(8192)]).as_deref(), Some("a=1"));
    assert_eq!(tracestate(&[&line(8193)]), None);
    assert_eq!(tracestate(&[&line(4096), &line(4096)]).as_deref(), Some("a=1,a=1"));
    assert_eq!(tracestate(&[&line(4096), &line(4096), " "]), None);
}

#[test]
fn tracestate_without_traceparent_is_dropped_and_counted() {
    for (lines, expected, why) in [
        (&[("tracestate", &b"foo=1"[..])] as Lines<'_>, vec![(Header::Tracestate, Reason::Partial)], "absent"),
        (
            &[("traceparent", b"00-bad"), ("tracestate", b"foo=1")],
            vec![(Header::Traceparent, Reason::Malformed)],
            "invalid",
        ),
    ] {
        let remote = extract(lines);
        assert!(remote.is_empty(), "{why}");
        assert_eq!(rejected(&remote), expected, "{why}");
    }
}

#[test]
fn a_long_tracestate_is_shortened_by_the_rule_of_the_standard() {
    let written = |text: &str| TraceState::parse(text.as_bytes()).unwrap().to_header();
    let small = |n: usize, length: usize| format!("s{n:02}={}", "v".repeat(length - 4));
    let big = format!("big={}", "v".repeat(200));
    let exactly_512 = format!("{},{},{}", small(1, 128), small(2, 128), small(3, 254));
    assert_eq!(exactly_512.len(), 512);
    assert_eq!(written(&exactly_512), exactly_512, "512 characters stay");
    let over = format!("{},{big},{},{},{}", small(1, 100), small(2, 100), small(3, 100), small(4, 100));
    assert_eq!(
        written(&over),
        format!("{},{},{},{}", small(1, 100), small(2, 100), small(3, 100), small(4, 100)),
        "members over 128 characters go first, wherever they stand"
    );
    let many = (1..=10).map(|n| small(n, 64)).collect::<Vec<_>>().join(",");
    let kept = (1..=7).map(|n| small(n, 64)).collect::<Vec<_>>().join(",");
    assert_eq!(written(&many), kept, "then members from the right");
    let one = format!("{}={}", "k".repeat(256), "v".repeat(256));
    assert_eq!(written(&one), "", "one member of 513 characters");
}

#[test]
fn output_is_one_traceparent_of_version_00() {
    let remote = extract(&[
        ("traceparent", b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-later"),
        ("tracestate", b"foo=1"),
        ("tracestate", b" bar=2"),
    ]);
    let outgoing = OutgoingContext { w3c: remote.w3c, ..Default::default() };
    assert_eq!(
        inject("tracecontext", &outgoing),
        ["traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", "tracestate: foo=1,bar=2"]
    );
}
