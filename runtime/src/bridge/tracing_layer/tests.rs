use super::{GalileoLayer, Meaning, Rule};
use crate::model::SpanType;
use crate::pipeline::recorded::recorded;
use crate::span::{InSpan, Span};
use futures::executor::block_on;
use tracing::{Instrument, field::Empty, info_span};
use tracing_core::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

/// Runs `program` with the layer and returns what was recorded.
fn with_layer(layer: GalileoLayer, program: impl FnOnce()) -> Vec<String> {
    let subscriber = tracing_subscriber::registry().with(layer);
    recorded(|| tracing::subscriber::with_default(subscriber, program))
}

#[test]
fn a_span_of_the_conventions_is_an_llm_span_under_the_logged_one() {
    let lines = with_layer(GalileoLayer::new(), || {
        Span::workflow("answer").in_scope(|| {
            let chat = info_span!(
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.provider.name = "openai",
                gen_ai.request.model = "gpt-4o",
                gen_ai.usage.input_tokens = Empty,
                gen_ai.output.messages = Empty
            );
            chat.in_scope(|| Span::tool("inside").in_scope(|| ()));
            chat.record("gen_ai.usage.input_tokens", 7);
            chat.record("gen_ai.output.messages", r#"[{"role":"assistant","parts":[]}]"#);
        });
    });
    assert_eq!(
        lines,
        [
            "start answer under -",
            "start chat under answer",
            "start inside under chat",
            "ok inside",
            r#"ok chat gen_ai.provider.name=openai =gpt-4o num_input_tokens=7 =[{"parts":[],"role":"assistant"}]"#,
            "ok answer",
        ]
    );
}

#[test]
fn spans_that_no_rule_knows_are_not_recorded_but_carry_the_trace() {
    let lines = with_layer(GalileoLayer::new(), || {
        let task = Span::workflow("request").in_scope(|| {
            // What a program does before it hands a future to an executor that knows nothing of us.
            async { Span::tool("later").in_scope(|| ()) }.instrument(info_span!("job"))
        });
        std::thread::spawn(move || block_on(task)).join().unwrap();
    });
    assert_eq!(lines, ["start request under -", "ok request", "start later under request", "ok later"]);
}

#[test]
fn fields_name_the_span_and_say_that_it_failed() {
    let lines = with_layer(GalileoLayer::new(), || {
        let tool = info_span!(
            "genai.execute_tool",
            otel.name = "execute_tool weather",
            otel.kind = "internal",
            otel.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "weather",
            gen_ai.tool.call.arguments = r#"{"city":"Pisa"}"#
        );
        tool.record("otel.status_code", "error");
        tool.record("error.type", "timeout");
    });
    assert_eq!(lines, ["start weather under -", r#"error weather ={"city":"Pisa"} timeout=timeout"#]);
}

#[test]
fn langchains_own_names_are_known() {
    let lines = with_layer(GalileoLayer::new(), || {
        let run = info_span!(target: "langchain_rust::agent", "agent.run", max_iterations = 3, error = Empty);
        run.in_scope(|| {
            info_span!(target: "langchain_rust::agent", "tool.call", tool = %"search", error = Empty).in_scope(|| ());
        });
        run.record("error", tracing::field::display("gave up"));
        info_span!(target: "other_crate", "tool.call", tool = "search").in_scope(|| ());
    });
    assert_eq!(
        lines,
        [
            "start agent.run under -",
            "start search under agent.run",
            "ok search",
            "error agent.run max_iterations=3 =gave up"
        ]
    );
}

#[test]
fn system_text_goes_before_the_messages() {
    let lines = with_layer(GalileoLayer::new(), || {
        let _span = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.system_instructions = r#"[{"type":"text","content":"be short"}]"#,
            gen_ai.input.messages = r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#
        );
    });
    assert!(
        lines[1].ends_with(
            r#"=[{"parts":[{"content":"be short","type":"text"}],"role":"system"},{"parts":[{"content":"hi","type":"text"}],"role":"user"}]"#
        ),
        "{}",
        lines[1]
    );
}

#[test]
fn own_rules_and_meanings_go_first() {
    let layer = GalileoLayer::new()
        .rule(Rule::new(SpanType::Retriever).target("store").named("lookup").name_from("index"))
        .field("q", Meaning::Input)
        .field("shard", Meaning::Ignored);
    let lines = with_layer(layer, || {
        info_span!(target: "store::disk", "lookup", index = "books", q = "moons", shard = 3).in_scope(|| ());
        info_span!(target: "storefront", "lookup", index = "books").in_scope(|| ());
    });
    assert_eq!(lines, ["start books under -", "ok books index=books =moons"]);
}

#[test]
fn spans_below_the_level_are_left_out() {
    let lines = with_layer(GalileoLayer::new().spans(LevelFilter::INFO), || {
        tracing::debug_span!("chat", gen_ai.operation.name = "chat").in_scope(|| ());
        info_span!("embed", openinference.span.kind = "EMBEDDING").in_scope(|| ());
    });
    assert_eq!(lines, ["start embed under -", "ok embed"]);
}

#[test]
fn events_go_to_the_innermost_span_of_either_kind() {
    let lines = with_layer(GalileoLayer::new(), || {
        Span::workflow("outer").in_scope(|| {
            tracing::info!("to outer");
            info_span!("chat", gen_ai.operation.name = "chat").in_scope(|| {
                tracing::info!("to chat");
                Span::tool("inner").in_scope(|| tracing::warn!("to inner"));
                tracing::debug!("not at all");
            });
        });
        tracing::info!("outside of everything");
    });
    let events: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("note ")?.split_once('=')).collect();
    let places: Vec<_> = events.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, ["outer to outer", "chat to chat", "inner to inner"]);
    assert!(events[2].1.contains(r#""level":"WARN""#), "{}", events[2].1);
}

#[test]
fn a_named_parent_wins_over_the_current_span() {
    let lines = with_layer(GalileoLayer::new(), || {
        let agent = info_span!("agent", gen_ai.operation.name = "invoke_agent");
        Span::workflow("elsewhere").in_scope(|| {
            info_span!(parent: &agent, "tool", gen_ai.operation.name = "execute_tool").in_scope(|| ());
        });
    });
    assert!(lines.contains(&"start tool under agent".to_owned()), "{lines:?}");
}

#[test]
fn guards_dropped_in_the_wrong_order_leave_no_context_behind() {
    let lines = with_layer(GalileoLayer::new(), || {
        let first = info_span!("first", gen_ai.operation.name = "invoke_agent").entered();
        let second = info_span!("second", gen_ai.operation.name = "invoke_agent").entered();
        drop(first);
        Span::tool("in second").in_scope(|| ());
        drop(second);
        Span::tool("outside").in_scope(|| ());
    });
    assert!(lines.contains(&"start in second under second".to_owned()), "{lines:?}");
    assert!(lines.contains(&"start outside under -".to_owned()), "{lines:?}");
}

#[test]
fn a_future_is_inside_its_span_at_every_poll() {
    let lines = with_layer(GalileoLayer::new(), || {
        let call = async {
            Span::tool("a").in_scope(|| ());
            futures::pending!();
            Span::tool("b").in_scope(|| ());
        };
        block_on(
            async {
                let span = info_span!("agent", gen_ai.operation.name = "invoke_agent");
                let mut call = std::pin::pin!(call.instrument(span));
                // The first poll ends at the pending; what runs between the polls is not inside.
                assert!(futures::poll!(&mut call).is_pending());
                Span::tool("c").in_scope(|| ());
                call.await;
            }
            .in_span(Span::workflow("request")),
        );
    });
    assert_eq!(
        lines,
        [
            "start request under -",
            "start agent under request",
            "start a under agent",
            "ok a",
            "start c under request",
            "ok c",
            "start b under agent",
            "ok b",
            "ok agent",
            "ok request",
        ]
    );
}
