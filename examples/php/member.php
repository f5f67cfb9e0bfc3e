<?php
/**
 * Who is calling? Two answers for PHP code whose members log in at denglu: docs/back-ends.md.
 *
 *     $member = denglu_member_from_proxy($_SERVER);
 *     $member = denglu_member_of_token($token, 'http://127.0.0.1:8001', 'shop', $secret);
 *
 * Both give ['id' => 7, 'group' => 'pc', 'level' => 1, 'merchant_id' => 0], or null for nobody.
 */

declare(strict_types=1);

/** denglu could not be asked: that says nothing about the token. Answer 503, and let apps retry. */
final class DengluAway extends RuntimeException
{
}

/**
 * The member that the proxy found: nobody reaches this code but through a proxy that asks denglu
 * and replaces all four headers.
 */
function denglu_member_from_proxy(array $server): ?array
{
    $id = $server['HTTP_X_MEMBER_ID'] ?? '';
    if (preg_match('/\A[1-9][0-9]{0,17}\z/', $id) !== 1) {
        return null;
    }
    return [
        'id' => (int) $id,
        'group' => rawurldecode($server['HTTP_X_MEMBER_GROUP'] ?? ''),
        'level' => (int) ($server['HTTP_X_MEMBER_LEVEL'] ?? 0),
        'merchant_id' => (int) ($server['HTTP_X_MEMBER_MERCHANT_ID'] ?? 0),
    ];
}

/**
 * The member whose access token it is, asked of denglu (RFC 7662) with a secret of
 * DENGLU_INTROSPECTION_KEYS. Throws DengluAway.
 */
function denglu_member_of_token(string $token, string $url, string $name, string $secret): ?array
{
    $answer = @file_get_contents("$url/introspect", false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => "Content-Type: application/x-www-form-urlencoded\r\n"
            . 'Authorization: Basic ' . base64_encode("$name:$secret"),
        'content' => http_build_query(['token' => $token]),
        'timeout' => 3,
    ]]));
    $said = $answer === false ? null : json_decode($answer, true);
    if (!is_array($said) || !is_bool($said['active'] ?? null)) {
        throw new DengluAway('denglu did not say what the token is good for');
    }
    if (!$said['active']) {
        return null;
    }
    return [
        'id' => (int) $said['sub'],
        'group' => $said['client_group'],
        'level' => $said['member_level'],
        'merchant_id' => $said['merchant_id'],
    ];
}

/** The member object of denglu's API, at a mount such as http://127.0.0.1:8001/api. */
function denglu_member_object(string $token, string $mount): array
{
    if (preg_match('/\A[A-Za-z0-9_-]{1,128}\z/', $token) !== 1) {
        throw new DengluAway('no token that could be sent to denglu');
    }
    $answer = @file_get_contents("$mount/v1/member/member/index", false, stream_context_create([
        'http' => ['header' => "X-Api-Key: $token", 'timeout' => 3, 'ignore_errors' => true],
    ]));
    $said = $answer === false ? null : json_decode($answer, true);
    if (($said['code'] ?? 0) !== 200) {
        throw new DengluAway('denglu did not say who the member is');
    }
    return $said['data'];
}
