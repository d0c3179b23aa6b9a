//! What settings come to, by tables of environments.

use super::*;

fn resolve(variables: &[(&str, &str)]) -> Result<Settings, InitError> {
    let set = HashMap::new();
    let file = HashMap::new();
    let environment =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| Ok((*value).to_owned()));
    Settings::resolve(&Source { set: &set, environment: &environment, file: &file })
}

const LOCAL: (&str, &str) = ("GALILEO_API_URL", "http://127.0.0.1:8088");

#[test]
fn a_key_is_needed_only_away_from_this_machine() {
    assert!(resolve(&[LOCAL]).is_ok());
    assert!(resolve(&[("GALILEO_API_URL", "http://localhost:9")]).is_ok());
    assert!(resolve(&[("GALILEO_API_KEY", "k")]).is_ok());
    assert!(matches!(resolve(&[]), Err(InitError::MissingApiKey { host, .. }) if host == "api.galileo.ai"));
    assert!(
        matches!(resolve(&[("GALILEO_CONSOLE_URL", "https://console.acme.com")]), Err(InitError::MissingApiKey { host, .. }) if host == "api.acme.com")
    );
    // Nothing is sent to Galileo, so nothing is needed.
    assert!(resolve(&[("GALILEO_EXPORTERS", "stdout")]).is_ok());
    assert!(resolve(&[("GALILEO_EXPORTERS", "none")]).is_ok());
    assert!(resolve(&[("GALILEO_LOGGING_DISABLED", "true")]).is_ok());
    assert!(matches!(
        resolve(&[("GALILEO_EXPORTERS", "langsmith")]),
        Err(InitError::MissingApiKey { variable: "LANGSMITH_API_KEY", .. })
    ));
}

#[test]
fn the_api_address_comes_from_the_first_variable_that_names_one() {
    let key = ("GALILEO_API_KEY", "k");
    let rows: [(&[(&str, &str)], &str); 6] = [
        (&[key], "https://api.galileo.ai"),
        (&[key, ("GALILEO_CONSOLE_URL", "https://console.a.com")], "https://api.a.com"),
        (&[key, ("GALILEO_API_ENDPOINT", "https://b.com")], "https://b.com"),
        (&[key, ("GALILEO_API_ENDPOINT", "https://b.com"), ("GALILEO_API_URL", "https://c.com")], "https://c.com"),
        (&[key, ("GALILEO_API_ENDPOINT", "https://b.com/otel/traces")], "https://api.galileo.ai"),
        (&[key, ("GALILEO_CONSOLE_URL", "localhost:3000")], "http://localhost:8088"),
    ];
    for (variables, api) in rows {
        let galileo = resolve(variables).expect("valid").galileo.expect("wanted");
        assert_eq!(galileo.api.as_str(), api, "{variables:?}");
    }
}

#[test]
fn plain_http_to_another_machine_needs_a_word_from_the_user() {
    let remote = ("GALILEO_API_URL", "http://10.0.0.1:8088");
    let key = ("GALILEO_API_KEY", "k");
    assert!(matches!(resolve(&[remote, key]), Err(InitError::InsecureUrl { .. })));
    assert!(resolve(&[remote, key, ("GALILEO_ALLOW_HTTP", "true")]).is_ok());
    let otlp = [LOCAL, ("GALILEO_EXPORTERS", "otlp"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")];
    assert!(matches!(resolve(&otlp), Err(InitError::InsecureUrl { name: "OTEL_EXPORTER_OTLP_ENDPOINT", .. })));
}

#[test]
fn an_unknown_value_is_an_error_that_names_what_is_allowed() {
    let rows = [
        ("GALILEO_MODE", "fast"),
        ("GALILEO_LOGGING_DISABLED", "perhaps"),
        ("GALILEO_EXPORTERS", "galileo,zipkin"),
        ("GALILEO_SAMPLE_RATE", "1.5"),
        ("GALILEO_SPOOL", "sometimes"),
        ("GALILEO_TRACE_LINGER", "soon"),
        ("GALILEO_QUEUE_BYTES", "12"),
        ("GALILEO_PROJECT_ID", "p1"),
        ("GALILEO_EXTRA_HEADERS", "x"),
        ("GALILEO_LOG_LEVEL", "loud"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    for (name, value) in rows {
        match resolve(&[LOCAL, (name, value)]) {
            Err(InitError::InvalidSetting { name: named, expected, .. }) => {
                assert_eq!(named, name);
                assert!(!expected.is_empty());
            }
            other => panic!("{name}={value}: {other:?}"),
        }
    }
}

#[test]
fn modes_are_read_in_any_case() {
    assert_eq!(resolve(&[LOCAL]).expect("valid").mode, Mode::Batch);
    assert_eq!(resolve(&[LOCAL, ("GALILEO_MODE", "DISTRIBUTED")]).expect("valid").mode, Mode::Distributed);
}

#[test]
fn both_switches_turn_recording_off() {
    assert!(resolve(&[LOCAL]).expect("valid").recording);
    for name in ["GALILEO_LOGGING_DISABLED", "GALILEO_DISABLE_LOGGING"] {
        for value in ["true", "1", "t"] {
            assert!(!resolve(&[LOCAL, (name, value)]).expect("valid").recording, "{name}={value}");
        }
        assert!(resolve(&[LOCAL, (name, "false")]).expect("valid").recording);
    }
}

#[test]
fn logins_are_whole_or_an_error_and_the_key_comes_first() {
    let login = |variables: &[(&str, &str)]| resolve(variables).map(|settings| settings.galileo.expect("wanted").login);
    let user = ("GALILEO_USERNAME", "u");
    let password = ("GALILEO_PASSWORD", "p");
    assert!(matches!(login(&[LOCAL, user, password]), Ok(Some(Login::Password { .. }))));
    assert!(matches!(login(&[LOCAL, user, password, ("GALILEO_API_KEY", "k")]), Ok(Some(Login::ApiKey(_)))));
    assert!(matches!(login(&[LOCAL, ("GALILEO_JWT_TOKEN", "j")]), Ok(Some(Login::Token(_)))));
    assert!(matches!(
        login(&[LOCAL, ("GALILEO_SSO_ID_TOKEN", "t"), ("GALILEO_SSO_PROVIDER", "okta")]),
        Ok(Some(Login::SingleSignOn { .. }))
    ));
    assert!(matches!(login(&[LOCAL, user]), Err(InitError::IncompleteLogin { missing: "GALILEO_PASSWORD", .. })));
    assert!(matches!(login(&[LOCAL, password]), Err(InitError::IncompleteLogin { missing: "GALILEO_USERNAME", .. })));
}

#[test]
fn the_service_names_itself() {
    let name = |variables: &[(&str, &str)]| resolve(variables).expect("valid").service.name;
    let otel = ("OTEL_SERVICE_NAME", "from-otel");
    let resource =
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-resource,service.version=1.2,deployment.environment.name=test");
    assert_eq!(name(&[LOCAL, ("GALILEO_SERVICE_NAME", "mine"), otel]), "mine");
    assert_eq!(name(&[LOCAL, otel, resource]), "from-otel");
    assert_eq!(name(&[LOCAL, resource]), "from-resource");
    assert!(name(&[LOCAL]).starts_with("galileo"), "the test binary's own name");
    let service = resolve(&[LOCAL, resource]).expect("valid").service;
    assert_eq!((service.version.as_deref(), service.environment.as_deref()), (Some("1.2"), Some("test")));
}

#[test]
fn the_otlp_address_comes_from_the_first_variable_that_names_one() {
    let base = [LOCAL, ("GALILEO_EXPORTERS", "otlp")];
    let url = |more: &[(&str, &str)]| {
        let all: Vec<_> = base.iter().chain(more).copied().collect();
        resolve(&all).expect("valid").otlp.expect("wanted")
    };
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:1/custom");
    let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:2/");
    let collector = ("OTLP_COLLECTOR_ENDPOINT", "http://localhost:3");
    let galileo = ("GALILEO_API_ENDPOINT", "http://localhost:4/otel/v1/traces");
    assert_eq!(url(&[galileo, collector, general, traces]).url.as_str(), "http://localhost:1/custom");
    assert_eq!(url(&[galileo, collector, general]).url.as_str(), "http://localhost:2/v1/traces");
    let with_token = url(&[galileo, collector, ("OTLP_AUTH_TOKEN", "tok")]);
    assert_eq!(with_token.url.as_str(), "http://localhost:3/v1/traces");
    assert_eq!(with_token.headers[0].1.to_str().expect("ascii"), "Bearer tok");
    assert_eq!(url(&[galileo]).url.as_str(), "http://localhost:4/otel/v1/traces");
    let own = url(&[("GALILEO_API_KEY", "k"), ("GALILEO_PROJECT", "p"), ("GALILEO_LOG_STREAM", "l")]);
    assert_eq!(own.url.as_str(), "http://127.0.0.1:8088/otel/traces");
    let names: Vec<_> = own.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["galileo-api-key", "project", "logstream"]);
}

#[test]
fn samplers_by_either_name() {
    let sampling = |variables: &[(&str, &str)]| {
        let all: Vec<_> = std::iter::once(&LOCAL).chain(variables).copied().collect();
        let sampling = resolve(&all).expect("valid").sampling;
        (sampling.ratio, sampling.parent_based)
    };
    let argument = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
    assert_eq!(sampling(&[]), (1.0, true));
    assert_eq!(sampling(&[("GALILEO_SAMPLE_RATE", "0.5"), ("OTEL_TRACES_SAMPLER", "always_off")]), (0.5, true));
    assert_eq!(sampling(&[("OTEL_TRACES_SAMPLER", "always_off")]), (0.0, false));
    assert_eq!(sampling(&[("OTEL_TRACES_SAMPLER", "traceidratio"), argument]), (0.25, false));
    assert_eq!(sampling(&[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), argument]), (0.25, true));
    assert_eq!(
        sampling(&[("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_TRACES_SAMPLER_ARG", "endpoint=x")]),
        (1.0, true)
    );
}

#[test]
fn settings_print_without_secrets() {
    let settings = resolve(&[
        LOCAL,
        ("GALILEO_API_KEY", "sk-hidden-1"),
        ("GALILEO_PASSWORD", "sk-hidden-2"),
        ("GALILEO_USERNAME", "u"),
        ("GALILEO_EXTRA_HEADERS", "{\"x-gateway\": \"sk-hidden-3\"}"),
        ("GALILEO_EXPORTERS", "galileo,otlp,langsmith"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=sk-hidden-4"),
        ("LANGSMITH_API_KEY", "sk-hidden-5"),
    ])
    .expect("valid");
    let text = format!("{settings:?} {settings:#?}");
    assert!(!text.contains("hidden"), "{text}");
}

#[test]
fn the_spool_folder_is_in_the_home_of_the_sdk_unless_it_is_named() {
    let folder = |variables: &[(&str, &str)]| resolve(variables).expect("valid").spool.folder;
    assert_eq!(folder(&[LOCAL, ("GALILEO_HOME_DIR", "/h")]), Some(PathBuf::from("/h/spool")));
    assert_eq!(folder(&[LOCAL, ("GALILEO_HOME_DIR", "/h"), ("GALILEO_SPOOL_DIR", "/s")]), Some(PathBuf::from("/s")));
}

#[test]
fn header_formats_by_either_name() {
    use PropagatorKind::{Baggage, Galileo, LangSmith, TraceContext};
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<Vec<PropagatorKind>>, &'a str);
    let rows: [Row<'_>; 6] = [
        (&[LOCAL], None, "nobody chose"),
        (&[LOCAL, ("GALILEO_PROPAGATORS", "galileo, langsmith")], Some(vec![Galileo, LangSmith]), "ours"),
        (&[LOCAL, ("GALILEO_PROPAGATORS", "none")], Some(vec![]), "none of them"),
        (&[LOCAL, ("OTEL_PROPAGATORS", "tracecontext,baggage")], Some(vec![TraceContext, Baggage]), "OpenTelemetry's"),
        (
            &[LOCAL, ("OTEL_PROPAGATORS", "b3,tracecontext,tracecontext")],
            Some(vec![TraceContext]),
            "unknown and repeated",
        ),
        (
            &[LOCAL, ("OTEL_PROPAGATORS", "b3"), ("GALILEO_PROPAGATORS", "baggage")],
            Some(vec![Baggage]),
            "ours before OpenTelemetry's",
        ),
    ];
    for (variables, formats, why) in rows {
        assert_eq!(resolve(variables).expect("valid").propagation.formats, formats, "{why}");
    }
    assert!(matches!(
        resolve(&[LOCAL, ("GALILEO_PROPAGATORS", "b3")]),
        Err(InitError::InvalidSetting { name: "GALILEO_PROPAGATORS", .. })
    ));
    let hosts =
        resolve(&[LOCAL, ("GALILEO_PROPAGATION_HOSTS", "a.internal, *.b:80 ,")]).expect("valid").propagation.hosts;
    assert_eq!(hosts, Some(vec!["a.internal".to_owned(), "*.b:80".to_owned()]));
}
