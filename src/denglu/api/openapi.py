"""The API document (OpenAPI 3.1), made from the route page, the forms and the answer models.

A test holds every answer of the test suite to it.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from openapi_pydantic import (
    Components,
    DataType,
    Example,
    Header,
    Info,
    MediaType,
    OpenAPI,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
    SecurityScheme,
    Server,
    Tag,
)
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class

from denglu import __version__
from denglu.api import openapi_texts as texts
from denglu.api import schemas
from denglu.api.checks import Rules
from denglu.api.envelope import code_of
from denglu.api.examples import body_example, refusal_example, success_example
from denglu.api.forms import Form, form_of, reasons_of
from denglu.api.handlers import Site
from denglu.api.member_view import columns_of
from denglu.api.receipts import PROVIDERS
from denglu.api.routes import (
    ANY_CALL,
    ANY_FORM,
    BACK_ENDS,
    HEALTH,
    HOOKS,
    PROXIES,
    ROUTES,
    WATCHERS,
    Gives,
    Guard,
    Route,
)
from denglu.domain.errors import Reason
from denglu.domain.member import MemberType

_MEDIA_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)
_NUMBER = Parameter.model_validate(
    {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    }
)
_OF_HOOKS = [
    Parameter.model_validate(
        {
            "name": "gateway",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "enum": list(PROVIDERS)},
        }
    ),
    Parameter.model_validate(
        {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
    ),
]
_MERCHANT = Parameter.model_validate(
    {
        "name": "merchant-id",
        "in": "header",
        "description": texts.MERCHANT_ID.both(),
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    }
)
_STRAY = (Reason.not_found, Reason.merchant_plugin_missing, Reason.method_not_allowed)


class Document:
    """Builds the document of one configured server; ``routes`` are those of plugins."""

    def __init__(
        self,
        site: Site,
        rules: Rules,
        mounts: Iterable[str],
        *,
        real: bool,
        routes: Iterable[Route] = (),
    ) -> None:
        self._site = site
        self._rules = rules
        self._mounts = tuple(mounts)
        self._routes = (
            *ROUTES,
            *HEALTH,
            *PROXIES,
            *(BACK_ENDS if site.back_ends else ()),
            *(WATCHERS if site.metrics else ()),
            *(HOOKS if site.hooks else ()),
            *(route for route in routes if route.guard is not Guard.back_end or site.back_ends),
        )
        self._real = real
        self._member = schemas.member_model(site.wire, columns_of(site.wire))
        self._tokens = schemas.token_model(site.wire, self._member)

    def render(self) -> bytes:
        """The document as JSON."""
        bare = OpenAPI(
            info=Info(
                title=texts.TITLE, version=__version__, description=self._about().both("\n\n")
            ),
            servers=[Server(url=mount or "/") for mount in ("", *self._mounts)],
            tags=list(self._tags()),
            paths=self._paths(),
            components=Components(securitySchemes=dict(self._security())),
        )
        stray = schemas.refusal_models(self._site.wire, "Any", _STRAY)
        whole = construct_open_api_with_schema_class(
            bare, [model for models in stray.values() for model in models]
        )
        plain = json.loads(whole.model_dump_json(by_alias=True, exclude_none=True))
        self._add_page_texts(plain)
        forms = [route.form for route in self._routes if route.form]
        _finish_schemas(plain["components"]["schemas"], forms, self._group_schema())
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()

    def _tags(self) -> Iterator[Tag]:
        used = dict.fromkeys(_about_of(route).tag for route in self._routes)
        for name in dict.fromkeys((*texts.TAGS, *used)):
            if name in used:
                yield Tag(name=name, description=_tag(name).both())

    def _about(self) -> texts.Text:
        status = texts.REAL_STATUS if self._real else texts.STATUS_200
        parts = (texts.ABOUT, status, texts.PROFILE[self._site.wire.name])
        return texts.Text(
            "\n".join(part.zh for part in parts).strip(),
            "\n".join(part.en for part in parts).strip(),
        )

    def _security(self) -> Iterator[tuple[str, SecurityScheme]]:
        yield "key", _api_key("X-Api-Key", "header")
        yield "bearer", SecurityScheme(type="http", scheme="bearer")
        if self._site.wire.query_token:
            yield "query", _api_key("access-token", "query")
        if self._site.back_ends or self._site.metrics:
            yield "back_end", SecurityScheme(type="http", scheme="basic")
            yield "back_end_bearer", SecurityScheme(type="http", scheme="bearer")

    def _paths(self) -> dict[str, PathItem]:
        found: dict[str, dict[str, Operation]] = {}
        for route in self._routes:
            found.setdefault(route.path, {})[route.method.lower()] = self._operation(route)
        return {path: PathItem.model_validate(methods) for path, methods in found.items()}

    def _operation(self, route: Route) -> Operation:
        about = _about_of(route)
        return Operation(
            tags=[about.tag],
            summary=about.summary.both(),
            description=about.description.both("\n"),
            operationId=route.operation,
            parameters=self._parameters(route),
            requestBody=self._body(route.form),
            responses=dict(self._responses(route)),
            security=[{scheme: []} for scheme in self._schemes(route.guard)],
        )

    def _parameters(self, route: Route) -> list[Parameter | Reference] | None:
        if route.path.endswith("/{id}"):
            return [_NUMBER]
        if self._site.merchants and route.names_merchant:
            return [_MERCHANT]
        return [*_OF_HOOKS] if route.guard is Guard.path else None

    def _schemes(self, guard: Guard) -> list[str]:
        if guard in (Guard.public, Guard.path):
            return []
        machine = guard in (Guard.back_end, Guard.watcher)
        names = [name for name, _ in self._security()]
        return [name for name in names if name.startswith("back_end") == machine]

    def _body(self, form: type[Form] | None) -> RequestBody | None:
        if form is None:
            return None
        form = form_of(form, loose=self._site.wire.loose_forms)
        media = MediaType(
            schema=_ref(form),
            example=body_example(form, self._rules.code_length),
        )
        return RequestBody(required=True, content=dict.fromkeys(_MEDIA_TYPES, media))

    def _responses(self, route: Route) -> Iterator[tuple[str, Response]]:
        if isinstance(route.gives, Gives) and (make := _PLAIN.get(route.gives)):
            yield from make(route)
            return
        reasons = self._reasons(route)
        name = _camel(route.name)
        ok = schemas.success_model(self._site.wire, f"{name}Ok", self._data(route.gives))
        refused = schemas.refusal_models(self._site.wire, name, reasons)
        all_models = [ok, *(model for models in refused.values() for model in models)]
        if not self._real:
            yield "200", self._response(route, all_models, None, reasons)
            return
        yield "200", self._response(route, [ok], None, ())
        for code, models in sorted(refused.items()):
            of_code = tuple(reason for reason in reasons if code_of(reason) == code)
            yield str(code), self._response(route, models, code, of_code)

    def _response(
        self,
        route: Route,
        models: list[schemas.Model],
        code: int | None,
        reasons: tuple[Reason, ...],
    ) -> Response:
        examples: dict[str, Example] = {}
        if code is None:
            examples["ok"] = Example(value=success_example(self._site, route.gives))
        for reason in reasons:
            value = refusal_example(self._site.envelope, route.form, reason)
            examples[reason.value] = Example(value=value, summary=value["message"])
        schema = Schema(oneOf=[_ref(model) for model in models], enum=None)
        media = MediaType(schema=schema, examples=dict(examples))
        about = ", ".join(examples)
        return Response(description=about, content={"application/json": media})

    def _reasons(self, route: Route) -> tuple[Reason, ...]:
        of_form: tuple[Reason, ...] = ()
        if route.form is not None:
            form = form_of(route.form, loose=self._site.wire.loose_forms)
            of_form = (*reasons_of(form), *ANY_FORM)
        found = {*of_form, *route.refusals, *ANY_CALL}
        if not (self._site.merchants and route.names_merchant):
            found.discard(Reason.merchant_not_found)
        return tuple(reason for reason in Reason if reason in found)

    def _data(self, gives: Gives | schemas.Model) -> Any:
        if not isinstance(gives, Gives):
            return gives
        nothing: dict[bytes, Any] = {b"{}": schemas.Empty, b"[]": tuple[()], b"null": None}
        data: dict[Gives, Any] = {
            Gives.tokens: self._tokens,
            Gives.member: self._member,
            Gives.token_check: schemas.TokenCheck,
            Gives.cancellation: schemas.CancellationView,
            Gives.sessions: list[schemas.SessionView],
            Gives.nothing: nothing[self._site.wire.empty],
            Gives.nothing_after_logout: nothing[self._site.wire.empty_logout],
            Gives.nothing_after_sms: nothing[self._site.wire.empty_sms],
        }
        return data[gives]

    def _add_page_texts(self, document: dict[str, Any]) -> None:
        """What the API page shows in one language at a time."""
        document["info"]["x-wire"] = self._site.wire.name
        document["info"]["x-texts"] = _by_language(description=self._about())
        for tag in document["tags"]:
            tag["x-texts"] = _by_language(description=_tag(tag["name"]))
        for route in self._routes:
            operation = document["paths"][route.path][route.method.lower()]
            about = _about_of(route)
            operation["x-twin"] = route.twin
            operation["x-texts"] = _by_language(
                summary=about.summary, description=about.description
            )
            for name, example in _refusals_in(operation):
                english = refusal_example(
                    self._site.envelope, route.form, Reason(name), english=True
                )
                said = texts.Text(example["summary"], english["message"])
                example["x-texts"] = _by_language(summary=said)

    def _group_schema(self) -> dict[str, Any]:
        groups = list(self._rules.groups)
        shown = {group.name: group.label for group in groups}
        schema: dict[str, Any] = {"type": "string", "x-choices": shown, "examples": ["pc"]}
        if not self._site.wire.loose_forms:
            schema["enum"] = list(shown)
        return schema


def _about_of(route: Route) -> texts.About:
    about = route.about or texts.OPERATIONS.get(route.handler.__name__)
    if about is None:
        said = texts.Text(route.path, route.path)
        return texts.About(said, said, "plugin")
    of_merchants = route.realm is MemberType.merchant_user and about.tag != "back_end"
    return about._replace(tag="merchant") if of_merchants else about


def _tag(name: str) -> texts.Text:
    """What there is to say of a tag; of one of a plugin, its name."""
    return texts.TAGS.get(name, texts.Text(name, name))


def _api_key(name: str, place: str) -> SecurityScheme:
    return SecurityScheme.model_validate({"type": "apiKey", "name": name, "in": place})


def _ref(model: schemas.Model) -> PydanticSchema[Any]:
    return PydanticSchema(schema_class=model, enum=None)


def _by_language(**said: texts.Text) -> dict[str, dict[str, str]]:
    return {
        "zh": {name: text.zh for name, text in said.items()},
        "en": {name: text.en for name, text in said.items()},
    }


def _refusals_in(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for response in operation["responses"].values():
        for name, example in (
            response.get("content", {}).get("application/json", {}).get("examples", {}).items()
        ):
            if name != "ok":
                yield name, example


def _health(route: Route) -> Iterator[tuple[str, Response]]:
    media = MediaType(schema=_ref(schemas.Health))
    statuses = {"200": "ok"} if route.path == "/healthz" else {"200": "ready", "503": "not ready"}
    for status, about in statuses.items():
        yield status, Response(description=about, content={"application/json": media})


def _introspection(route: Route) -> Iterator[tuple[str, Response]]:
    yield "200", _one_of("what it is good for", schemas.ActiveToken, schemas.InactiveToken)
    for code, about in texts.INTROSPECTION.items():
        yield str(code), _one_of(about, schemas.IntrospectionRefused)


def _identity(route: Route) -> Iterator[tuple[str, Response]]:
    text = Schema(type=DataType.STRING, enum=None)
    headers = {
        name: Header.model_validate({"description": about.both(), "schema": text})
        for name, about in texts.IDENTITY.items()
    }
    yield "200", Response(description="whose token it is", headers={**headers})
    yield "401", _one_of("no good token", schemas.NoMember)
    for code, about in texts.NOT_ASKED.items():
        yield str(code), _one_of(about, schemas.IntrospectionRefused)


def _metrics(route: Route) -> Iterator[tuple[str, Response]]:
    text = MediaType(schema=Schema(type=DataType.STRING, enum=None))
    yield "200", Response(description="the metrics", content={"text/plain": text})
    for code, about in texts.METRICS.items():
        yield str(code), _one_of(about, schemas.IntrospectionRefused)


def _heard(route: Route) -> Iterator[tuple[str, Response]]:
    heard = (schemas.AliyunHeard, schemas.TencentHeard, schemas.SenderHeard)
    yield "200", _one_of("heard, in the words of the provider", *heard)
    for code, about in texts.NOT_HEARD.items():
        yield str(code), _one_of(about, schemas.NotHeard)


def _one_of(about: str, *models: schemas.Model) -> Response:
    schema = Schema(oneOf=[_ref(model) for model in models], enum=None)
    return Response(description=about, content={"application/json": MediaType(schema=schema)})


# Answers without an envelope.
_PLAIN = {
    Gives.health: _health,
    Gives.introspection: _introspection,
    Gives.identity: _identity,
    Gives.metrics: _metrics,
    Gives.heard: _heard,
}


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def _finish_schemas(
    components: dict[str, Any], forms: Iterable[type[Form]], group: dict[str, Any]
) -> None:
    """Put the configured groups and the labels in, and take out what only repeats the keys."""
    components.pop("Group", None)
    labels = {form.__name__: form.labels for form in forms}
    for name, schema in components.items():
        schema["title"] = name
        of_form = labels.get(name.removeprefix("Loose"), {})
        for key, field in schema.get("properties", {}).items():
            field.pop("title", None)
            if key == "group" and key in of_form:
                said = {k: field[k] for k in ("description", "x-texts") if k in field}
                field.clear()
                field.update(group, **said)
            if key in of_form:
                field["x-label"] = {"zh": of_form[key].zh, "en": of_form[key].en}
