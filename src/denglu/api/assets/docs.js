// The API page: reads /openapi.json, shows every call, and tries it on this very server.
// Plain DOM, no library; text never becomes markup.

const WORDS = {
  zh: {
    send: "发送", sending: "发送中…", curl: "复制 curl", copied: "已复制", answers: "可能的回答",
    reason: "原因", code: "code", message: "消息", token: "需要令牌", open: "公开",
    tokens: "令牌", none: "还没有令牌：先登录。", access: "访问令牌", refresh: "重置令牌",
    forget: "清除", carried: "已自动带上令牌", missing: "没有令牌：先登录",
    profile: "报文格式", failed: "没有收到回答：", optional: "可选", example: "成功示例",
  },
  en: {
    send: "Send", sending: "Sending…", curl: "Copy curl", copied: "Copied",
    answers: "Possible answers", reason: "reason", code: "code", message: "message",
    token: "needs a token", open: "public", tokens: "Tokens",
    none: "No token yet: log in first.", access: "access token", refresh: "refresh token",
    forget: "Forget", carried: "the token goes along", missing: "no token: log in first",
    profile: "Wire profile", failed: "No answer: ", optional: "optional",
    example: "Example of a success",
  },
};
const ENCODINGS = {
  "application/json": "JSON",
  "application/x-www-form-urlencoded": "form",
  "multipart/form-data": "multipart",
};
// Fields that mean the same everywhere: typed once, they are filled in everywhere.
const SHARED = new Set(["mobile", "code", "group"]);

const state = {
  language: sessionStorage.getItem("language")
    || (navigator.language.startsWith("en") ? "en" : "zh"),
  access: sessionStorage.getItem("access") || "",
  refresh: sessionStorage.getItem("refresh") || "",
  document: null,
};
const word = (name) => WORDS[state.language][name];

function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// --- reading the document -------------------------------------------------------------

function resolve(schema) {
  if (!schema || !schema.$ref) return schema;
  return schema.$ref.slice(2).split("/").reduce((part, key) => part[key], state.document);
}

function operations() {
  return Object.entries(state.document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, ...operation })))
    .filter((operation) => !operation["x-twin"]);
}

function formOf(operation) {
  const content = operation.requestBody?.content["application/json"];
  if (!content) return null;
  return { ...resolve(content.schema), example: content.example };
}

function examplesOf(operation) {
  const all = Object.values(operation.responses)
    .flatMap((response) => Object.entries(response.content?.["application/json"]?.examples || {}));
  return Object.fromEntries(all);
}

const text = (part, key) => part["x-texts"]?.[state.language]?.[key] ?? part[key];

// --- the column on the left -----------------------------------------------------------

function showLanguage() {
  const choose = (language, label) => element("button", {
    textContent: label, type: "button", "aria-pressed": String(state.language === language),
    onclick: () => {
      state.language = language;
      sessionStorage.setItem("language", language);
      showAll();
    },
  });
  document.getElementById("language")
    .replaceChildren(choose("zh", "中文"), choose("en", "English"));
  document.documentElement.lang = state.language === "en" ? "en" : "zh-CN";
}

function showContents() {
  const links = state.document.tags.flatMap((tag) => {
    const members = operations().filter((operation) => operation.tags.includes(tag.name));
    return [
      element("h2", { textContent: text(tag, "description") }),
      ...members.map((operation) => element("a", {
        href: `#${operation.operationId}`, textContent: text(operation, "summary"),
      })),
    ];
  });
  document.getElementById("contents").replaceChildren(...links);
  document.getElementById("profile").textContent =
    `${word("profile")}: ${state.document.info["x-wire"]} · ${state.document.info.version}`;
}

function showTokens() {
  const box = document.getElementById("tokens");
  const title = element("h2", { textContent: word("tokens") });
  if (!state.access) {
    box.replaceChildren(title, element("p", { textContent: word("none") }));
    return;
  }
  const row = (name, value) => [
    element("dt", { textContent: name }),
    element("dd", {}, element("span", { className: "mono", textContent: value, title: value })),
  ];
  const forget = element("button", {
    type: "button", textContent: word("forget"), onclick: () => keepTokens("", ""),
  });
  box.replaceChildren(title, element("dl", {},
    ...row(word("access"), state.access), ...row(word("refresh"), state.refresh)), forget);
}

function keepTokens(access, refresh) {
  Object.assign(state, { access, refresh });
  sessionStorage.setItem("access", access);
  sessionStorage.setItem("refresh", refresh);
  showTokens();
  fill("token", access);
  fill("refresh_token", refresh);
  for (const note of document.querySelectorAll(".carried")) note.textContent = carriedNote();
}

const carriedNote = () => (state.access ? word("carried") : word("missing"));

function fill(name, value, except = null) {
  for (const input of document.querySelectorAll(`[data-field="${name}"]`)) {
    if (input !== except) input.value = value;
  }
}

// --- one call -------------------------------------------------------------------------

function showOperation(operation) {
  const form = formOf(operation);
  // A back-end's secret is not a member's token.
  const needsToken = Boolean(operation.security?.some((scheme) => "key" in scheme));
  const inputs = form ? fieldsOf(form) : [];
  const places = placesOf(operation);
  const encoding = form ? encodingChoice() : null;
  const answer = element("div", { className: "answer", hidden: true });
  const send = element("button", { className: "send", type: "submit", textContent: word("send") });
  const copy = element("button", { type: "button", textContent: word("curl") });
  const request = () => requestOf(operation, places, inputs, encoding?.value, needsToken);
  copy.onclick = () => copyCurl(copy, request());
  const shape = element("form", { noValidate: true, onsubmit: (event) => {
    event.preventDefault();
    run(request(), send, answer, inputs);
  } },
    places.length + inputs.length
      ? element("div", { className: "fields" }, ...[...places, ...inputs].map((i) => i.label))
      : null,
    element("div", { className: "actions" }, send, encoding, copy,
      needsToken
        ? element("span", { className: "muted carried", textContent: carriedNote() }) : null));
  return element("article", { id: operation.operationId },
    element("h3", { textContent: text(operation, "summary") }),
    element("div", { className: "line" },
      element("span", { className: `method ${operation.method}`,
        textContent: operation.method.toUpperCase() }),
      element("code", { textContent: operation.path }),
      element("span", { className: "guard",
        textContent: needsToken ? word("token") : word("open") })),
    element("p", { textContent: text(operation, "description") }),
    shape, answer, answersTable(operation));
}

function fieldsOf(form) {
  return Object.entries(form.properties).map(([name, schema]) => {
    const input = inputFor(name, resolve(schema), form.example?.[name] ?? "");
    input.dataset.field = name;
    if (SHARED.has(name)) input.addEventListener("input", () => fill(name, input.value, input));
    const required = form.required?.includes(name);
    const label = element("label", {},
      element("span", { textContent: schema["x-label"]?.[state.language] ?? name }),
      element("code", { className: "name", textContent: name }),
      required ? null : element("span", { className: "name", textContent: word("optional") }),
      input, element("span", { className: "hint", textContent: text(schema, "description") ?? "" }));
    return { name, input, label };
  });
}

// What stands in the path, as {id}.
function placesOf(operation) {
  return (operation.parameters ?? []).map(({ name, schema }) => {
    const input = element("input", { value: schema.minimum ?? "", autocomplete: "off" });
    const label = element("label", {},
      element("code", { className: "name", textContent: name }), input);
    return { name, input, label };
  });
}

function inputFor(name, schema, example) {
  const choices = schema["x-choices"] ?? (schema.enum && Object.fromEntries(
    schema.enum.map((value) => [value, ""])));
  if (choices) {
    const options = Object.entries(choices).map(([value, label]) => element("option", {
      value, textContent: label && label !== value ? `${value} ${label}` : value,
      selected: value === example,
    }));
    return element("select", {}, ...options);
  }
  const kept = { token: state.access, refresh_token: state.refresh }[name];
  return element("input", {
    value: kept ?? example, autocomplete: "off", spellcheck: false,
  });
}

function encodingChoice() {
  const options = Object.entries(ENCODINGS).map(([value, textContent]) =>
    element("option", { value, textContent }));
  return element("select", { "aria-label": "Content-Type" }, ...options);
}

// --- sending --------------------------------------------------------------------------

function requestOf(operation, places, inputs, encoding, needsToken) {
  const path = places.reduce((whole, { name, input }) =>
    whole.replace(`{${name}}`, encodeURIComponent(input.value.trim())), operation.path);
  const values = Object.fromEntries(inputs.map(({ name, input }) => [name, input.value]));
  const headers = { "Accept-Language": state.language };
  if (needsToken && state.access) headers["X-Api-Key"] = state.access;
  return { method: operation.method.toUpperCase(), path, headers, values,
    encoding: inputs.length ? encoding : null };
}

function bodyOf({ encoding, values }) {
  if (!encoding) return undefined;
  if (encoding === "application/json") return JSON.stringify(values);
  if (encoding === "application/x-www-form-urlencoded") return new URLSearchParams(values);
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) form.append(name, value);
  return form;
}

async function run(request, send, box, inputs) {
  send.disabled = true;
  send.textContent = word("sending");
  const begun = performance.now();
  try {
    const headers = { ...request.headers };
    // A form and multipart get their own Content-Type from the browser.
    if (request.encoding === "application/json") headers["Content-Type"] = request.encoding;
    const { method, path } = request;
    const body = bodyOf(request);
    const response = await fetch(path, { method, headers, body, credentials: "omit" });
    const payload = await payloadOf(response);
    showAnswer(box, response, payload, performance.now() - begun, inputs);
    takeTokens(request.path, payload);
  } catch (error) {
    box.replaceChildren(element("p", { textContent: word("failed") + error.message }));
  }
  box.hidden = false;
  send.disabled = false;
  send.textContent = word("send");
}

// An answer without a body says what it says in its headers.
async function payloadOf(response) {
  const text = await response.text();
  return text ? JSON.parse(text)
    : Object.fromEntries([...response.headers].filter(([name]) => name.startsWith("x-member-")));
}

function takeTokens(path, payload) {
  if (payload.code === 200 && payload.data?.access_token) {
    keepTokens(payload.data.access_token, payload.data.refresh_token);
  } else if (payload.code === 200 && path.endsWith("/logout")) {
    keepTokens("", "");
  }
}

function showAnswer(box, response, payload, milliseconds, inputs) {
  const wrong = payload.data?.fields ?? {};
  for (const { name, label } of inputs) label.classList.toggle("wrong", name in wrong);
  const code = payload.code ?? response.status;
  const shown = [`HTTP ${response.status}`, `${milliseconds.toFixed(0)} ms`,
    `X-Request-Id ${response.headers.get("x-request-id")}`];
  const wait = response.headers.get("retry-after");
  if (wait) shown.push(`Retry-After ${wait}`);
  box.replaceChildren(
    element("div", { className: "line" },
      element("span", { className: `badge ${code === 200 ? "good" : "bad"}`, textContent: code }),
      element("strong", { textContent: payload.message ?? payload.status ?? "" }),
      payload.data?.reason ? element("code", { textContent: payload.data.reason }) : null,
      element("span", { className: "muted", textContent: shown.join(" · ") })),
    colored(payload));
}

function colored(value) {
  const box = element("pre", { tabIndex: 0 });
  const source = JSON.stringify(value, null, 2);
  const pattern = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null|-?\d[\d.eE+-]*)\b/g;
  let end = 0;
  for (const match of source.matchAll(pattern)) {
    const kind = match[2] ? "key" : match[1] ? "text" : "other";
    const shown = match[1] ?? match[0];
    box.append(source.slice(end, match.index),
      element("span", { className: kind, textContent: shown }));
    end = match.index + shown.length;
  }
  box.append(source.slice(end));
  return box;
}

function answersTable(operation) {
  const examples = examplesOf(operation);
  const rows = Object.entries(examples).filter(([name]) => name !== "ok").map(([name, example]) =>
    element("tr", {}, element("td", {}, element("code", { textContent: name })),
      element("td", { textContent: example.value.code }),
      element("td", { textContent: text(example, "summary") })));
  if (!examples.ok) return null;
  const head = [word("reason"), word("code"), word("message")].map((textContent) =>
    element("th", { textContent }));
  return element("details", {}, element("summary", { textContent: word("answers") }),
    element("p", { className: "muted", textContent: word("example") }), colored(examples.ok.value),
    element("table", {}, element("tr", {}, ...head), ...rows));
}

// --- curl -----------------------------------------------------------------------------

const quote = (value) => `'${String(value).replaceAll("'", "'\\''")}'`;

function curlOf({ method, path, headers, values, encoding }) {
  const parts = ["curl", "-s"];
  if (method !== "GET" && !encoding) parts.push(`-X ${method}`);
  for (const [name, value] of Object.entries(headers)) parts.push("-H", quote(`${name}: ${value}`));
  if (encoding === "application/json") {
    parts.push("-H", quote(`Content-Type: ${encoding}`), "-d", quote(JSON.stringify(values)));
  } else if (encoding) {
    const flag = encoding.startsWith("multipart") ? "--form-string" : "--data-urlencode";
    for (const [name, value] of Object.entries(values)) parts.push(flag, quote(`${name}=${value}`));
  }
  return [...parts, quote(location.origin + path)].join(" ");
}

async function copyCurl(button, request) {
  const line = curlOf(request);
  try {
    await navigator.clipboard.writeText(line);
    button.textContent = word("copied");
    setTimeout(() => { button.textContent = word("curl"); }, 1500);
  } catch {
    // Without a clipboard (plain http on another host) the line is shown instead.
    button.replaceWith(element("code", { textContent: line }));
  }
}

// --- start ----------------------------------------------------------------------------

function showAll() {
  showLanguage();
  showContents();
  showTokens();
  const about = text(state.document.info, "description");
  const intro = element("p", { className: "intro", textContent: about });
  document.getElementById("main").replaceChildren(intro, ...operations().map(showOperation));
}

async function start() {
  const response = await fetch("/openapi.json", { credentials: "omit" });
  const found = await response.json();
  if (!found.openapi) throw new Error(found.message);
  state.document = found;
  showAll();
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

start().catch((error) => {
  document.getElementById("main").replaceChildren(word("failed") + error.message);
});
