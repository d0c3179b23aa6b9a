use super::*;
use std::collections::{BTreeMap, HashMap};

const G_TRACE: &str = "8e69c645-b678-45e1-9c61-dcbed822f9db";
const G_SPAN: &str = "0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d";
const W3C: &str = "00-0af7651916cd43dd0448eb211c80319c-b7ad6b7169203331-00";
const LANGSMITH: &str = "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d";

/// Both sides of the precedence table: trace and parent for Galileo, trace and parent for OpenTelemetry, sampled.
fn resolved(remote: &RemoteContext) -> [String; 5] {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    [
        remote.trace_id().map_or_else(String::new, |id| id.to_string()),
        match remote.parent() {
            None => String::new(),
            Some(RemoteParent::Trace) => "trace".into(),
            Some(RemoteParent::Span(span)) => span.to_string(),
            Some(RemoteParent::W3c(id)) => hex(&id),
            Some(RemoteParent::Run(id)) => hex(&id),
        },
        remote.w3c_trace_id().map_or_else(String::new, |id| hex(&id)),
        remote.w3c_parent_id().map_or_else(String::new, |id| hex(&id)),
        remote.is_sampled().to_string(),
    ]
}

#[test]
fn headers_that_disagree_resolve_by_the_table() {
    let galileo = [("x-galileo-trace-id", G_TRACE.as_bytes()), ("x-galileo-parent-id", G_SPAN.as_bytes())];
    let w3c = [("traceparent", W3C.as_bytes())];
    let langsmith = [("langsmith-trace", LANGSMITH.as_bytes())];
    let galileo_side = [G_TRACE, G_SPAN];
    let rows: [(Vec<(&str, &[u8])>, [&str; 5], &str); 7] = [
        (vec![], ["", "", "", "", "true"], "nothing"),
        (
            galileo.to_vec(),
            [galileo_side[0], galileo_side[1], "8e69c645b67845e19c61dcbed822f9db", "8d1c0c3f5a1b2c3d", "true"],
            "Galileo alone: the W3C side is derived",
        ),
        (
            w3c.to_vec(),
            [
                "0af76519-16cd-43dd-8448-eb211c80319c",
                "b7ad6b7169203331",
                "0af7651916cd43dd0448eb211c80319c",
                "b7ad6b7169203331",
                "false",
            ],
            "W3C alone: variant bits overwritten on Galileo's side, kept on the other",
        ),
        (
            langsmith.to_vec(),
            [
                "01a1fa75-565d-4cff-8c50-405353df141d",
                "01a1fa75565d7cff8c50405353df141d",
                "01a1fa75565d7cff8c50405353df141d",
                "8c50405353df141d",
                "true",
            ],
            "LangSmith alone: version 7 becomes 4 on Galileo's side",
        ),
        (
            [galileo.to_vec(), w3c.to_vec(), langsmith.to_vec()].concat(),
            [galileo_side[0], galileo_side[1], "0af7651916cd43dd0448eb211c80319c", "b7ad6b7169203331", "true"],
            "all three: each side believes its own, and Galileo's sender recorded",
        ),
        (
            [langsmith.to_vec(), w3c.to_vec()].concat(),
            [
                "0af76519-16cd-43dd-8448-eb211c80319c",
                "b7ad6b7169203331",
                "0af7651916cd43dd0448eb211c80319c",
                "b7ad6b7169203331",
                "false",
            ],
            "W3C before LangSmith, in whatever order they stand",
        ),
        (
            [vec![("x-galileo-trace-id", &b"bad"[..])], w3c.to_vec()].concat(),
            [
                "0af76519-16cd-43dd-8448-eb211c80319c",
                "b7ad6b7169203331",
                "0af7651916cd43dd0448eb211c80319c",
                "b7ad6b7169203331",
                "false",
            ],
            "a bad Galileo header is absent",
        ),
    ];
    for (lines, expected, why) in rows {
        let remote = extract(&lines);
        assert_eq!(resolved(&remote), expected, "{why}");
        let mut reversed = lines.clone();
        reversed.reverse();
        assert_eq!(resolved(&extract(&reversed)), expected, "{why}, reversed");
    }
}

#[test]
fn lists_of_names() {
    let fields = |list: &str| list.parse::<Propagators>().map(|propagators| propagators.fields());
    assert_eq!(fields("none"), Ok(vec![]));
    assert_eq!(fields(""), Ok(vec![]));
    assert_eq!(fields(" tracecontext ,, TraceContext,tracecontext "), Ok(vec!["traceparent", "tracestate"]));
    assert_eq!(fields("baggage,langsmith"), Ok(vec!["baggage", "langsmith-trace"]));
    let error = fields("galileo,b3\u{1b}[0m").unwrap_err().to_string();
    assert!(error.contains("`b3\\u{1b}[0m`") && error.contains("`tracecontext`"), "{error}");
    assert_eq!(
        Propagators::default().fields(),
        ["X-Galileo-Trace-ID", "X-Galileo-Parent-ID", "traceparent", "tracestate", "baggage"]
    );
}

#[test]
fn a_list_restricts_reading_too() {
    let map = headers(&[("traceparent", W3C.as_bytes()), ("langsmith-trace", LANGSMITH.as_bytes())]);
    let only = "langsmith".parse::<Propagators>().unwrap().extract(&map);
    assert!(only.w3c.is_none() && only.langsmith.is_some());
    assert!(Propagators::none().extract(&map).is_empty());
}

#[test]
fn every_carrier_carries() {
    let outgoing = OutgoingContext {
        galileo: Some(GalileoContext { trace_id: TraceId::parse(G_TRACE).unwrap(), parent_id: SpanId::parse(G_SPAN) }),
        w3c: extract(&[("traceparent", W3C.as_bytes()), ("tracestate", b"a=1")]).w3c,
        langsmith: extract(&[("langsmith-trace", LANGSMITH.as_bytes())]).langsmith,
        baggage: Baggage::parse(b"tenant=acme").unwrap(),
    };
    let propagators: Propagators = "galileo,tracecontext,baggage,langsmith".parse().unwrap();
    fn check(propagators: &Propagators, outgoing: &OutgoingContext, carrier: &mut impl CarrierMut, name: &str) {
        // Twice, because a second injection replaces the first instead of doubling it.
        propagators.inject(outgoing, carrier);
        propagators.inject(outgoing, carrier);
        let remote = propagators.extract(&&*carrier);
        assert_eq!(remote.galileo, outgoing.galileo, "{name}");
        assert_eq!(remote.w3c, outgoing.w3c, "{name}");
        assert_eq!(remote.langsmith, outgoing.langsmith, "{name}");
        assert_eq!(remote.baggage, outgoing.baggage, "{name}");
        assert_eq!(remote.rejected, [], "{name}");
    }
    check(&propagators, &outgoing, &mut HeaderMap::new(), "header map");
    check(&propagators, &outgoing, &mut HashMap::<String, String>::new(), "string map");
    check(&propagators, &outgoing, &mut BTreeMap::<String, Vec<u8>>::new(), "sorted byte map");
    check(&propagators, &outgoing, &mut Vec::<(String, Vec<u8>)>::new(), "byte headers");
    check(&propagators, &outgoing, &mut serde_json::Map::new(), "JSON object");
    check(&propagators, &outgoing, &mut EnvCarrier::new(), "environment");
}

#[test]
fn environment_names_follow_the_rule() {
    let mut carrier = EnvCarrier::new();
    carrier.set("X-Galileo-Trace-ID", "1");
    carrier.set("traceparent", "2");
    assert_eq!(carrier.iter().collect::<Vec<_>>(), [("TRACEPARENT", "2"), ("X_GALILEO_TRACE_ID", "1")]);
}

#[test]
fn two_spellings_of_a_key_are_two_lines() {
    let mut map = HashMap::new();
    map.insert("traceparent".to_owned(), W3C.to_owned());
    map.insert("Traceparent".to_owned(), W3C.to_owned());
    let remote = Propagators::default().extract(&map);
    assert_eq!(rejected(&remote), [(Header::Traceparent, Reason::Duplicate)]);
}

#[test]
fn a_json_value_that_is_no_string_is_refused() {
    let meta = serde_json::json!({"traceparent": 5, "baggage": ["a=1"]});
    let remote = Propagators::default().extract(meta.as_object().unwrap());
    assert_eq!(rejected(&remote), [(Header::Traceparent, Reason::Malformed), (Header::Baggage, Reason::Malformed)]);
}

#[test]
fn refused_headers_are_counted_for_the_process() {
    let before = rejected_headers().get(Header::Tracestate, Reason::Partial);
    let _ = extract(&[("tracestate", b"a=1")]);
    let after = rejected_headers();
    assert!(after.get(Header::Tracestate, Reason::Partial) > before);
    assert!(after.total() >= after.get(Header::Tracestate, Reason::Partial));
}

#[test]
fn ten_thousand_hostile_lines_are_bounded_work() {
    let mut map = HeaderMap::new();
    for index in 0..10_000 {
        let name = ["traceparent", "tracestate", "baggage", "langsmith-trace", "x-galileo-trace-id"][index % 5];
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(&[b'a' + (index % 26) as u8; 40]).unwrap());
    }
    let remote = Propagators::default().extract(&map);
    assert!(remote.is_empty());
    assert!(remote.rejected.len() <= 5, "one count a header: {:?}", remote.rejected);
    let huge = vec![b'a'; 1 << 20];
    let remote = extract(&[("baggage", &huge), ("traceparent", &huge)]);
    assert_eq!(rejected(&remote), [(Header::Traceparent, Reason::Oversized), (Header::Baggage, Reason::Oversized)]);
}
