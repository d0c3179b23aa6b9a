use super::*;

const TRACE: &[u8] = b"8e69c645-b678-45e1-9c61-dcbed822f9db";
const SPAN: &[u8] = b"0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d";
const T: &str = "X-Galileo-Trace-ID";
const P: &str = "x-galileo-parent-id";

fn read(lines: Lines<'_>) -> (Option<String>, Option<String>, Vec<(Header, Reason)>) {
    let remote = extract(lines);
    let rejected = rejected(&remote);
    let galileo = remote.galileo;
    (
        galileo.map(|context| context.trace_id.to_string()),
        galileo.and_then(|context| context.parent_id).map(|parent| parent.to_string()),
        rejected,
    )
}

#[test]
fn both_headers_name_trace_and_parent() {
    let trace = Some("8e69c645-b678-45e1-9c61-dcbed822f9db".to_owned());
    let span = Some("0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d".to_owned());
    for (lines, parent, why) in [
        (&[(T, TRACE), (P, SPAN)] as Lines<'_>, &span, "the usual pair"),
        (&[(T, TRACE), (P, TRACE)], &None, "parent = trace attaches to the trace"),
        (&[(T, TRACE)], &None, "trace alone attaches to the trace"),
        (&[(T, b"  8e69c645-b678-45e1-9c61-dcbed822f9db\t"), (P, SPAN)], &span, "spaces around"),
        (&[(T, b"{8E69C645-B678-45E1-9C61-DCBED822F9DB}"), (P, SPAN)], &span, "braces and capitals are normalised"),
        (&[(T, b"8e69c645b67845e19c61dcbed822f9db"), (P, SPAN)], &span, "no hyphens"),
    ] {
        let (read_trace, read_parent, rejected) = read(lines);
        assert_eq!((&read_trace, &read_parent), (&trace, parent), "{why}");
        assert!(rejected.is_empty(), "{why}");
    }
}

#[test]
fn a_bad_parent_attaches_to_the_trace_and_is_counted() {
    let long = [b'8'; 129];
    for (parent, reason, why) in [
        (&b"nope"[..], Reason::Malformed, "words"),
        (b"", Reason::Malformed, "empty"),
        (b"01890a5d-ac96-774b-bcce-b302099a8057", Reason::Malformed, "version 7"),
        (b"0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3\xff", Reason::Malformed, "not ASCII"),
        (&long, Reason::Oversized, "129 bytes"),
    ] {
        let (trace, read_parent, rejected) = read(&[(T, TRACE), (P, parent)]);
        assert!(trace.is_some() && read_parent.is_none(), "{why}");
        assert_eq!(rejected, [(Header::GalileoParent, reason)], "{why}");
    }
    let (trace, parent, rejected) = read(&[(T, TRACE), (P, SPAN), (P, SPAN)]);
    assert!(trace.is_some() && parent.is_none());
    assert_eq!(rejected, [(Header::GalileoParent, Reason::Duplicate)]);
}

#[test]
fn no_trace_is_no_parent() {
    for (lines, expected, why) in [
        (&[(P, SPAN)] as Lines<'_>, vec![(Header::GalileoParent, Reason::Partial)], "parent alone"),
        (
            &[(T, b"nope"), (P, SPAN)],
            vec![(Header::GalileoTrace, Reason::Malformed), (Header::GalileoParent, Reason::Partial)],
            "bad trace",
        ),
        (
            &[(T, TRACE), (T, TRACE), (P, SPAN)],
            vec![(Header::GalileoTrace, Reason::Duplicate), (Header::GalileoParent, Reason::Partial)],
            "two traces, even equal ones",
        ),
        (&[("X-Galileo-Trace", TRACE), ("Galileo-Trace-ID", TRACE)], vec![], "look-alike names"),
        (&[], vec![], "nothing"),
    ] {
        let (trace, parent, rejected) = read(lines);
        assert_eq!((trace, parent), (None, None), "{why}");
        assert_eq!(rejected, expected, "{why}");
    }
}

#[test]
fn the_usual_spelling_is_written() {
    let trace_id = TraceId::parse("8E69C645-B678-45E1-9C61-DCBED822F9DB").unwrap();
    let parent_id = SpanId::parse("0f7d7c0b4a5e4a448d1c0c3f5a1b2c3d");
    let mut outgoing = OutgoingContext { galileo: Some(GalileoContext { trace_id, parent_id }), ..Default::default() };
    assert_eq!(
        inject("galileo", &outgoing),
        [
            "x-galileo-parent-id: 0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d",
            "x-galileo-trace-id: 8e69c645-b678-45e1-9c61-dcbed822f9db"
        ]
    );
    outgoing.galileo = Some(GalileoContext { trace_id, parent_id: None });
    assert_eq!(
        inject("galileo", &outgoing),
        [
            "x-galileo-parent-id: 8e69c645-b678-45e1-9c61-dcbed822f9db",
            "x-galileo-trace-id: 8e69c645-b678-45e1-9c61-dcbed822f9db"
        ]
    );
    assert!(inject("galileo", &OutgoingContext::default()).is_empty());
}
