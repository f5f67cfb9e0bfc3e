#!/usr/bin/env bash
# A member's whole life, call by call, with curl and nothing else.
#
#   examples/tour.sh [http://127.0.0.1:8000]
#
# Needs a server in the `document` profile with the demo member (`make run` gives both).
# SMS codes: the tour asks you to type what the server's terminal shows, or reads them by
# itself from the file named by OUTBOX (the server's DENGLU_SMS_OUTBOX). One number gets one
# message a minute, so the tour waits once; CLOCK (the server's DENGLU_TEST_CLOCK_FILE) makes
# it move the clock instead.
set -euo pipefail

BASE=${1:-http://127.0.0.1:8000}
SITE=$BASE/v1/site
NAME=${DEMO_NAME:-demo}
MOBILE=${DEMO_MOBILE:-13800000000}
PASSWORD=${DEMO_PASSWORD:-denglu-demo-2026}
NEW_MOBILE=${NEW_MOBILE:-139$(od -An -N4 -tu4 /dev/urandom | tr -d ' ' | awk '{printf "%08d", $1 % 100000000}')}
JSON='Content-Type: application/json'
ANSWER=

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# call ARGUMENTS...: runs curl, shows the answer, keeps it.
call() {
    ANSWER=$(curl -sS "$@")
    printf '  %s\n' "$ANSWER"
}

# field NAME: a string field of the last answer.
field() { printf '%s' "$ANSWER" | sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }

# expect TEXT: stops the tour when the last answer does not hold TEXT.
expect() {
    case $ANSWER in
        *"$1"*) ;;
        *) printf '  ✗ expected %s\n' "$1" >&2; exit 1 ;;
    esac
}

pass() {
    if [ -n "${CLOCK:-}" ]; then
        echo $(($(cat "$CLOCK" 2>/dev/null || echo 0) + $1)) >"$CLOCK"
    else
        printf '  (waiting %s s: one message a minute for one number)\n' "$1"
        sleep "$1"
    fi
}

# code MOBILE USAGE: asks for an SMS code and puts it into CODE.
code() {
    call "$SITE/sms-code" -H "$JSON" -d "{\"mobile\":\"$1\",\"usage\":\"$2\"}"
    case $ANSWER in
        *sms_too_frequent*)
            pass "$(printf '%s' "$ANSWER" | sed -n 's/.*"retry_after":\([0-9]*\).*/\1/p')"
            call "$SITE/sms-code" -H "$JSON" -d "{\"mobile\":\"$1\",\"usage\":\"$2\"}"
            ;;
    esac
    expect '"code":200'
    if [ -n "${OUTBOX:-}" ]; then
        CODE=$(grep "\"mobile\": *\"$1\"" "$OUTBOX" | tail -n 1 | sed -n 's/.*"code": *"\([0-9]*\)".*/\1/p')
    else
        read -rp "  the code that the server's terminal shows for $1: " CODE
    fi
}

step '1. Log in on a PC, with JSON'
call "$SITE/login" -H "$JSON" -d "{\"username\":\"$NAME\",\"password\":\"$PASSWORD\",\"group\":\"pc\"}"
expect '"access_token"'
PC_TOKEN=$(field access_token)

step '2. Who am I? The token goes into X-Api-Key, or into Authorization'
call "$BASE/v1/member/member/index" -H "X-Api-Key: $PC_TOKEN"
expect '"memberLevel"'
call "$BASE/v1/member/member/index" -H "Authorization: Bearer $PC_TOKEN"
expect '"account"'

step '3. Log in on a phone, with a form; the mobile is a name too'
call "$SITE/login" --data-urlencode "username=$MOBILE" --data-urlencode "password=$PASSWORD" -d group=iOS
expect '"access_token"'
PHONE_TOKEN=$(field access_token)
PHONE_REFRESH=$(field refresh_token)

step '4. And in an H5 page, with multipart/form-data'
call "$SITE/login" -F "username=$NAME" -F "password=$PASSWORD" -F group=h5
expect '"access_token"'

step '5. The access token runs out after two hours: refresh. Two answers for one token are the same pair'
call "$SITE/refresh" -d "refresh_token=$PHONE_REFRESH&group=iOS"
expect '"access_token"'
PHONE_TOKEN=$(field access_token)
call "$SITE/refresh" -H "$JSON" -d "{\"refresh_token\":\"$PHONE_REFRESH\",\"group\":\"iOS\"}"
expect "$PHONE_TOKEN"

step '6. A second phone logs in: the first one is told why it is out, the PC goes on'
call "$SITE/login" -H "$JSON" -d "{\"username\":\"$NAME\",\"password\":\"$PASSWORD\",\"group\":\"iOS\"}"
expect '"access_token"'
call "$BASE/v1/member/member/index" -H "X-Api-Key: $PHONE_TOKEN"
expect session_replaced
call "$SITE/verify-access-token" -H "$JSON" -d "{\"token\":\"$PC_TOKEN\"}"
expect '"token":true'

step '7. What goes wrong says why, in Chinese or in English'
call "$SITE/login" -H "$JSON" -d "{\"username\":\"$NAME\",\"password\":\"not this one\",\"group\":\"pc\"}"
expect bad_credentials
call "$SITE/login" -H "$JSON" -d '{"username":"","password":"x"}'
expect missing_field
call "$SITE/login" -H 'Accept-Language: en' -H "$JSON" -d '{"username":"a","password":"b","group":"fax"}'
expect invalid_group

step "8. A new member: ask for a code, then register $NEW_MOBILE"
code "$NEW_MOBILE" register
call "$SITE/register" -F "mobile=$NEW_MOBILE" -F "code=$CODE" -F group=wechatMini \
    -F 'password=a lantern on the bridge' -F 'password_repetition=a lantern on the bridge' -F 'nickname=小明'
expect '"access_token"'
MINI_TOKEN=$(field access_token)
call "$SITE/login" -H "$JSON" -d "{\"username\":\"$NEW_MOBILE\",\"password\":\"a lantern on the bridge\",\"group\":\"android\"}"
expect '"access_token"'

step '9. Log in with a code instead of a password'
code "$MOBILE" login
call "$SITE/mobile-login" -d "mobile=$MOBILE&code=$CODE&group=app"
expect '"access_token"'
call "$SITE/mobile-login" -d "mobile=$MOBILE&code=$CODE&group=app"
expect bad_code

step '10. A forgotten password: a new one by code, and every other device is out'
code "$NEW_MOBILE" up-pwd
call "$SITE/up-pwd" -H "$JSON" -d "{\"mobile\":\"$NEW_MOBILE\",\"code\":\"$CODE\",\"group\":\"pc\",\"password\":\"two lanterns by the sea\",\"password_repetition\":\"two lanterns by the sea\"}"
expect '"access_token"'
NEW_TOKEN=$(field access_token)
call "$BASE/v1/member/member/index" -H "X-Api-Key: $MINI_TOKEN"
expect password_changed

step '11. Log out'
call -X POST "$SITE/logout" -H "X-Api-Key: $NEW_TOKEN"
expect '"code":200'
call "$BASE/v1/member/member/index" -H "X-Api-Key: $NEW_TOKEN"
expect logged_out

printf '\nThat was a whole life.\n'
