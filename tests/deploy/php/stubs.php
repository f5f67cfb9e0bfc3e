<?php
// As much of Yii and RageFrame as DengluToken needs. The shop's members are files in the folder
// "rows", and the tokens that it gave out stand in tokens.json.

namespace yii\db {
    class IntegrityException extends \Exception
    {
    }
}

namespace common\models\api {
    #[\AllowDynamicProperties]
    class AccessToken
    {
        public function setAttributes(array $values, bool $safe): void
        {
            foreach ($values as $name => $value) {
                $this->{$name} = $value;
            }
        }

        public static function findIdentityByAccessToken($token, $type = null)
        {
            $known = json_decode(file_get_contents(__DIR__ . '/tokens.json'), true);
            if (!isset($known[$token])) {
                return null;
            }
            $found = new self();
            $found->setAttributes(['member_id' => $known[$token], 'member_type' => 1], false);
            return $found;
        }
    }
}

namespace common\models\member {
    class Member
    {
        public array $values = [];

        public static function findOne(int $id): ?self
        {
            $file = __DIR__ . "/rows/$id";
            if (!is_file($file)) {
                return null;
            }
            $found = new self();
            $found->values = json_decode(file_get_contents($file), true);
            return $found;
        }

        public function setAttributes(array $values, bool $safe): void
        {
            $this->values = $values + $this->values;
        }

        public function __get(string $name)
        {
            return $this->values[$name];
        }

        public function save(bool $validate): bool
        {
            $file = @fopen(__DIR__ . "/rows/{$this->values['id']}", 'x');
            if ($file === false) {
                throw new \yii\db\IntegrityException();
            }
            fwrite($file, json_encode($this->values));
            return true;
        }
    }
}

namespace {
    require __DIR__ . '/DengluToken.php';

    // As HttpHeaderAuth and QueryParamAuth look for a token.
    $token = $_SERVER['HTTP_X_API_KEY'] ?? $_GET['access-token'] ?? null;
    $identity = is_string($token)
        ? \common\models\api\DengluToken::findIdentityByAccessToken($token)
        : null;
    header('Content-Type: application/json');
    echo json_encode([
        'php' => $_SERVER['REQUEST_METHOD'] . ' ' . $_SERVER['REQUEST_URI'],
        'script' => $_SERVER['SCRIPT_NAME'],
        'body' => file_get_contents('php://input'),
        'member' => $identity === null ? null : get_object_vars($identity),
    ]);
}
