use super::*;
use serde_json::json;

const ONE: &str = "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d";
const TWO: &str = "20261120T193556300000Z8e69c645-b678-45e1-9c61-dcbed822f9db";

fn read(trace: &str, baggage: &str) -> RemoteContext {
    extract(&[("langsmith-trace", trace.as_bytes()), ("baggage", baggage.as_bytes())])
}

#[test]
fn dotted_orders() {
    let both = format!("{ONE}.{TWO}");
    let deep = vec![ONE; 138].join(".");
    for (value, valid, why) in [
        (ONE, true, "one segment, version 7"),
        (TWO, true, "version 4"),
        (&both, true, "two segments"),
        (&format!(" {both}\t"), true, "spaces around"),
        (&deep, true, "138 levels are within 8 KiB"),
        ("x", false, "garbage that crashes the reference"),
        ("", false, "empty"),
        (".", false, "only a dot"),
        (&format!("{ONE}."), false, "a dot behind"),
        (&format!(".{ONE}"), false, "a dot before"),
        (&format!("{ONE}..{TWO}"), false, "two dots"),
        (&format!("{ONE}{TWO}"), false, "no dot"),
        (&ONE[..57], false, "too short"),
        ("20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141g", false, "not hexadecimal"),
        ("20261120T193556253017Z01a1fa75565d7cff8c50405353df141d0000", false, "no hyphens"),
        ("20261120T193556253017Z00000000-0000-0000-0000-000000000000", false, "the nil UUID"),
        ("20261320T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d", false, "month 13"),
        ("20260229T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d", false, "29 February 2026"),
        ("20240229T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d", true, "29 February 2024"),
        ("20261120T243556253017Z01a1fa75-565d-7cff-8c50-405353df141d", false, "hour 24"),
        ("20261120T193556.53017Z01a1fa75-565d-7cff-8c50-405353df141d", false, "a dot in the time"),
        ("20261120 193556253017Z01a1fa75-565d-7cff-8c50-405353df141d", false, "a space for the T"),
        ("20261120T193556253017+01a1fa75-565d-7cff-8c50-405353df141d", false, "no Z"),
    ] {
        let remote = extract(&[("langsmith-trace", value.as_bytes())]);
        assert_eq!(remote.langsmith.is_some(), valid, "{why}");
        assert_eq!(rejected(&remote).is_empty(), valid, "{why}");
    }
    let remote = extract(&[("langsmith-trace", format!("{deep}.{ONE}").as_bytes())]);
    assert_eq!(rejected(&remote), [(Header::LangSmithTrace, Reason::Oversized)]);
    let remote = extract(&[("langsmith-trace", ONE.as_bytes()), ("langsmith-trace", ONE.as_bytes())]);
    assert_eq!(rejected(&remote), [(Header::LangSmithTrace, Reason::Duplicate)]);
    let remote =
        extract(&[("langsmith-trace", "20261120T193556253017Zé1a1fa75-565d-7cff-8c50-405353df141".as_bytes())]);
    assert_eq!(rejected(&remote), [(Header::LangSmithTrace, Reason::Malformed)]);
}

#[test]
fn the_root_is_the_trace_and_the_last_run_the_parent() {
    let order = DottedOrder::parse(format!("{ONE}.{TWO}").as_bytes()).unwrap();
    let run = TraceId::parse("8e69c645-b678-45e1-9c61-dcbed822f9db").unwrap();
    assert_eq!(order.trace_id()[..8], [0x01, 0xa1, 0xfa, 0x75, 0x56, 0x5d, 0x7c, 0xff]);
    assert_eq!(order.run_id(), run.to_bytes());
    assert_eq!(order.depth(), 2);
    let child = order.child(1_795_203_356_253_017, run.to_bytes());
    assert_eq!(child.as_str(), format!("{ONE}.{TWO}.20261120T193556253017Z{run}"));
    assert_eq!(DottedOrder::parse(child.as_str().as_bytes()), Some(child));
}

#[test]
fn times_are_written_as_utc() {
    for (micros, expected, why) in [
        (0, "19700101T000000000000Z", "the epoch"),
        (951_782_400_000_000, "20000229T000000000000Z", "a leap day of a year that 400 divides"),
        (1_709_251_199_999_999, "20240229T235959999999Z", "the last microsecond of a leap day"),
        (4_107_542_400_000_000, "21000301T000000000000Z", "no leap day in 2100"),
    ] {
        assert!(DottedOrder::root(micros, [1; 16]).as_str().starts_with(expected), "{why}");
    }
}

#[test]
fn members_of_baggage_are_read() {
    // As the Python package writes them: `/` is not escaped, tags are joined with commas.
    let baggage = "langsmith-metadata=%7B%22user%22%3A%20%22ann%22%2C%20%22n%22%3A%201%7D,langsmith-tags=a%2Cb/c,langsmith-project=my%20project,tenant=acme";
    let remote = read(ONE, baggage);
    let context = remote.langsmith.unwrap();
    assert_eq!(serde_json::Value::Object(context.metadata), json!({"user": "ann", "n": 1}));
    assert_eq!(context.tags, ["a", "b/c"]);
    assert_eq!(context.project.as_deref(), Some("my project"));
    assert_eq!(remote.baggage.get("tenant").as_deref(), Some("acme"));
    assert!(remote.rejected.is_empty());
}

#[test]
fn a_member_that_cannot_be_read_is_absent_and_the_trace_stays() {
    for (member, why) in [
        ("langsmith-metadata=%7B", "torn JSON"),
        ("langsmith-metadata=[1]", "not an object"),
        ("langsmith-replicas=1", "not a list"),
    ] {
        let remote = read(ONE, &format!("{member},langsmith-tags=kept"));
        assert_eq!(rejected(&remote), [(Header::LangSmithBaggage, Reason::Malformed)], "{why}");
        assert_eq!(remote.langsmith.unwrap().tags, ["kept"], "{why}");
    }
}

#[test]
fn replicas_are_read_as_far_as_a_header_may_decide() {
    let replicas = json!([
        {"project_name": "p1", "primary": true, "api_url": "http://evil.example", "api_key": "k", "auth": {},
         "updates": {"reroot": true, "metadata": {"a": 1}, "tags": ["t", 1], "outputs": "forged", "id": "x"}},
        ["legacy", {"reroot": true}],
        ["no updates", null],
        {"api_url": "http://evil.example"},
        {"project_name": ""},
        "nonsense",
        [1, 2, 3]
    ]);
    let mut baggage = Baggage::default();
    assert!(baggage.insert("langsmith-replicas", &replicas.to_string()));
    let replicas = read(ONE, &baggage.to_string()).langsmith.unwrap().replicas;
    let names: Vec<&str> = replicas.iter().map(|replica| replica.project_name.as_str()).collect();
    assert_eq!(names, ["p1", "legacy", "no updates"]);
    assert!(replicas[0].primary && replicas[0].updates.reroot && replicas[1].updates.reroot);
    assert_eq!(replicas[0].updates.tags, ["t"]);
    assert!(!format!("{replicas:?}").contains("evil") && !format!("{replicas:?}").contains("forged"));
}

#[test]
fn what_is_written_reads_back() {
    let mut context = LangSmithContext::new(DottedOrder::parse(ONE.as_bytes()).unwrap());
    context.tags = vec!["plain".into(), "with, comma".into(), String::new(), "é%".into()];
    context.project = Some("a/b, c".into());
    context.metadata.insert("k\"ey".into(), json!({"nested": [1, "é,=;"]}));
    let outgoing = OutgoingContext { langsmith: Some(context.clone()), ..Default::default() };
    let mut map = HeaderMap::new();
    "langsmith".parse::<Propagators>().unwrap().inject(&outgoing, &mut map);
    assert_eq!(Propagators::default().extract(&map).langsmith, Some(context));
}

#[test]
fn a_changed_tag_list_wins_over_our_exact_one() {
    let exact = "galileo-tags=%5B%22a%2Cb%22%5D";
    let tags = |plain: &str| read(ONE, &format!("langsmith-tags={plain},{exact}")).langsmith.unwrap().tags;
    assert_eq!(tags("a%2Cb"), ["a,b"]);
    assert_eq!(tags("a%2Cb%2Cnew"), ["a", "b", "new"]);
}

#[test]
fn received_members_are_rewritten_once_and_replicas_go_no_further() {
    let received = "langsmith-tags=old,tenant=acme,langsmith-replicas=%5B%5D";
    let remote = read(ONE, received);
    let mut langsmith = remote.langsmith.clone().unwrap();
    langsmith.tags.push("new".into());
    let outgoing =
        OutgoingContext { langsmith: Some(langsmith), baggage: remote.baggage.clone(), ..Default::default() };
    assert_eq!(
        inject("baggage,langsmith", &outgoing),
        ["baggage: tenant=acme,langsmith-tags=old%2Cnew".to_owned(), format!("langsmith-trace: {ONE}")]
    );
    let outgoing = OutgoingContext { baggage: remote.baggage, ..Default::default() };
    assert_eq!(inject("baggage,langsmith", &outgoing), ["baggage: langsmith-tags=old,tenant=acme"]);
}
