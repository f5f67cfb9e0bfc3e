<?php
/**
 * Whose request is it, in the API of a RageFrame shop? docs/moving-from-rageframe.md.
 *
 * Put it beside AccessToken.php and member.php beside it, and name it in api/config/main-local.php:
 *
 *     'components' => ['user' => ['identityClass' => 'common\models\api\DengluToken']],
 *
 * Until nginx says that logins are denglu's, it is the AccessToken that it was.
 */

declare(strict_types=1);

namespace common\models\api;

use common\models\member\Member;
use yii\db\IntegrityException;

require_once __DIR__ . '/member.php';

final class DengluToken extends AccessToken
{
    private const DENGLU = 'http://127.0.0.1:8001/api';
    private const MEMBER = 1;
    // What a new member brings along.
    private const COLUMNS = ['username', 'nickname', 'mobile', 'email', 'head_portrait', 'source'];

    public static function findIdentityByAccessToken($token, $type = null)
    {
        if (($_SERVER['SHOP_LOGINS'] ?? '') !== 'denglu') {
            return parent::findIdentityByAccessToken($token, $type);
        }
        $member = denglu_member_from_proxy($_SERVER);
        if ($member === null) {
            return null;
        }
        $row = Member::findOne($member['id']) ?? self::bring($member, $token);
        if ((int) $row->status !== 1) {
            return null;  // disabled in the shop
        }
        $identity = new self();
        $identity->setAttributes([
            'member_id' => $member['id'],
            'member_type' => self::MEMBER,
            'merchant_id' => $member['merchant_id'],
            'store_id' => 0,
            'group' => $member['group'],
            'access_token' => $token,
            'status' => 1,
        ], false);
        return $identity;
    }

    /** The row of a member who registered at denglu, under the same id. */
    private static function bring(array $member, string $token): Member
    {
        $said = denglu_member_object($token, self::DENGLU);
        $row = new Member();
        $row->setAttributes(array_intersect_key($said, array_flip(self::COLUMNS)), false);
        $row->setAttributes([
            'id' => $member['id'],
            'merchant_id' => $member['merchant_id'],
            'type' => self::MEMBER,
            'status' => 1,
        ], false);
        try {
            $row->save(false);
        } catch (IntegrityException $first) {
            // Another request of the same member was faster.
            $row = Member::findOne($member['id']);
            if ($row === null) {
                throw $first;
            }
        }
        return $row;
    }
}
