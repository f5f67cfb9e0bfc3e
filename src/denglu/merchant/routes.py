"""The merchant API: what the site has for members, for merchants' users.

Handlers, guards, forms and refusals are those of the site; only whose tokens and names count is
another matter. Nobody registers here: operators make the users. A code is for what there is here.
"""

from dataclasses import replace

from denglu.api import routes
from denglu.api.forms import SmsCodeForm, UserSmsCodeForm
from denglu.api.routes import MERCHANT_API, Route
from denglu.domain.member import MemberType

_PATHS = {
    **{
        f"/v1/site/{name}": f"{MERCHANT_API}site/{name}"
        for name in (
            "login",
            "logout",
            "refresh",
            "sms-code",
            "mobile-login",
            "up-pwd",
            "verify-access-token",
        )
    },
    "/v1/member/member/index": f"{MERCHANT_API}merchant/user/index",
    "/introspect": "/merapi/introspect",
    "/forward-auth": "/merapi/forward-auth",
}


def _for_users(route: Route) -> Route:
    form = UserSmsCodeForm if route.form is SmsCodeForm else route.form
    return replace(route, path=_PATHS[route.path], realm=MemberType.merchant_user, form=form)


ROUTES = tuple(
    _for_users(route)
    for route in (*routes.ROUTES, *routes.PROXIES, *routes.BACK_ENDS)
    if route.path in _PATHS
)
