#!/usr/bin/env bash
# demo.sh: what `make run` does once everything is installed. Adds a demo member, says what to
# try next, and becomes the server. HOST, PORT and DENGLU come from the Makefile.
set -euo pipefail
host=${HOST:-127.0.0.1} port=${PORT:-8000} denglu=${DENGLU:-.venv/bin/denglu}
username=demo mobile=13800000000 password=denglu-demo-2026

"$denglu" migrate
if ! "$denglu" member show "$username" >/dev/null 2>&1; then
    printf '%s' "$password" | "$denglu" member add \
        --username "$username" --mobile "$mobile" --nickname Demo --password-stdin ||
        echo "no demo member was added; the server starts all the same" >&2
fi

shown=$host
case $host in
0.0.0.0 | ::) shown=127.0.0.1 ;;
esac
case $shown in
*:*) shown="[$shown]" ;;
esac
base="http://$shown:$port"

case ",${DENGLU_SMS_GATEWAYS:-console}," in
,console,) codes="in this terminal" ;;
*,outbox,*) codes="in the file ${DENGLU_SMS_OUTBOX:-that DENGLU_SMS_OUTBOX names}" ;;
*) codes="where DENGLU_SMS_GATEWAYS=$DENGLU_SMS_GATEWAYS sends them" ;;
esac

cat <<EOF

denglu is starting. Things to try next, in a second terminal:

  Log in as the demo member:
    curl -s $base/v1/site/login -H 'Content-Type: application/json' \\
         -d '{"username": "$username", "password": "$password", "group": "pc"}'

  The API page, with every call to try:
    $base/docs

  Ask for an SMS code (it appears $codes):
    curl -s $base/v1/site/sms-code -d mobile=$mobile -d usage=login

  A whole tour in curl, with the answers:
    examples/tour.sh $base

Ctrl-C stops the server; the data stays in the database.

EOF
exec "$denglu" serve --host "$host" --port "$port"
