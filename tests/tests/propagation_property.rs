//! Properties of the propagators: whatever comes in, what goes out is valid, and what we write we read.

use galileo::propagation::{
    Baggage, DottedOrder, GalileoContext, LangSmithContext, OutgoingContext, Propagators, TraceFlags, TraceState,
    Traceparent, W3cContext,
};
use galileo::{SpanId, TraceId};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

const NAMES: [&str; 6] =
    ["x-galileo-trace-id", "x-galileo-parent-id", "traceparent", "tracestate", "baggage", "langsmith-trace"];

fn all() -> Propagators {
    "galileo,tracecontext,baggage,langsmith".parse().expect("known names")
}

fn id() -> impl Strategy<Value = [u8; 16]> {
    any::<[u8; 16]>().prop_filter("ids are not zero", |id| *id != [0; 16])
}

fn uuid() -> impl Strategy<Value = TraceId> {
    any::<[u8; 16]>().prop_map(TraceId::from_w3c)
}

fn w3c() -> impl Strategy<Value = W3cContext> {
    let tracestate = prop::collection::vec(("[a-z][a-z0-9_@*/-]{0,10}", "[!-+--<>-~]{1,10}"), 0..10);
    let parent = any::<[u8; 8]>().prop_filter("ids are not zero", |id| *id != [0; 8]);
    (id(), parent, any::<u8>(), tracestate).prop_map(|(trace_id, parent_id, flags, members)| {
        let text = members.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        W3cContext {
            traceparent: Traceparent { trace_id, parent_id, flags: TraceFlags::from_bits(flags) },
            tracestate: TraceState::parse(text.as_bytes()).expect("made by the grammar"),
        }
    })
}

fn baggage() -> impl Strategy<Value = Baggage> {
    prop::collection::vec(("[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,8}", any::<String>()), 0..8).prop_map(|members| {
        let mut baggage = Baggage::default();
        for (key, value) in members {
            assert!(baggage.insert(&key, &value) || value.len() > 1000);
        }
        baggage
    })
}

fn langsmith() -> impl Strategy<Value = LangSmithContext> {
    let runs = prop::collection::vec((0_u64..253_402_300_799_000_000, id()), 1..5);
    let tags = prop::collection::vec("[a-z,% é]{1,6}", 0..4);
    (runs, tags, prop::option::of("[a-zA-Z é/,]{1,12}"), any::<String>()).prop_map(|(runs, tags, project, text)| {
        let mut runs = runs.into_iter();
        let (time, run) = runs.next().expect("at least one");
        let order = runs.fold(DottedOrder::root(time, run), |order, (time, run)| order.child(time, run));
        let mut context = LangSmithContext::new(order);
        context.metadata.insert("text".to_owned(), text.into());
        context.tags = tags;
        context.project = project;
        context
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        trace in uuid(),
        parent in prop::option::of(uuid()),
        w3c in w3c(),
        baggage in baggage(),
        langsmith in langsmith(),
    ) {
        let parent_id = parent.map(|id| SpanId::from_bytes(id.to_bytes())).filter(|id| id.to_bytes() != trace.to_bytes());
        let outgoing = OutgoingContext {
            galileo: Some(GalileoContext { trace_id: trace, parent_id }),
            w3c: Some(w3c),
            langsmith: Some(langsmith),
            baggage,
        };
        let mut headers = HeaderMap::new();
        all().inject(&outgoing, &mut headers);
        let read = all().extract(&headers);
        prop_assert_eq!(&read.rejected, &vec![]);
        prop_assert_eq!(read.galileo, outgoing.galileo);
        prop_assert_eq!(read.w3c, outgoing.w3c);
        prop_assert_eq!(read.langsmith, outgoing.langsmith);
        for (key, value) in outgoing.baggage.iter() {
            prop_assert_eq!(read.baggage.get(key), Some(value));
        }
    }

    #[test]
    fn any_bytes_under_any_name_are_read_without_harm(
        lines in prop::collection::vec((0..NAMES.len(), prop::collection::vec(any::<u8>(), 0..200)), 0..40)
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(NAMES[name]), value);
            }
        }
        let read = all().extract(&headers);
        prop_assert!(read.rejected.len() <= 7);
        prop_assert_eq!(read.trace_id().is_some(), !read.is_empty());
    }

    #[test]
    fn a_damaged_traceparent_is_absent_or_still_names_ids_of_the_right_length(
        w3c in w3c(),
        at in 0_usize..55,
        byte in any::<u8>(),
    ) {
        let mut text = w3c.traceparent.to_string().into_bytes();
        text[at] = byte;
        if let Some(read) = Traceparent::parse(&text) {
            prop_assert_ne!(read.trace_id, [0; 16]);
            prop_assert_ne!(read.parent_id, [0; 8]);
            prop_assert_eq!(read.to_string().len(), 55);
        }
    }

    #[test]
    fn a_shortened_tracestate_is_a_part_of_the_whole_in_its_order(
        members in prop::collection::vec(("[a-z]{1,60}", "[a-z]{1,200}"), 0..32)
    ) {
        let text = members.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        let sent = TraceState::parse(text.as_bytes()).expect("made by the grammar").to_header();
        prop_assert!(sent.len() <= 512);
        prop_assert_eq!(sent.len() == text.len(), text.len() <= 512);
        let mut rest = text.split(',');
        prop_assert!(sent.is_empty() || sent.split(',').all(|member| rest.any(|other| other == member)));
    }

    #[test]
    fn an_applications_baggage_survives_ours(theirs in baggage(), ours in baggage()) {
        let mut headers = HeaderMap::new();
        if !theirs.is_empty() {
            headers.insert("baggage", theirs.to_string().parse().expect("a valid header"));
        }
        all().inject(&OutgoingContext { baggage: ours.clone(), ..Default::default() }, &mut headers);
        let read = all().extract(&headers).baggage;
        for (key, value) in theirs.iter() {
            prop_assert_eq!(read.get(key), Some(value));
        }
        for (key, value) in ours.iter().filter(|(key, _)| theirs.get(key).is_none()) {
            prop_assert_eq!(read.get(key), Some(value));
        }
    }
}
