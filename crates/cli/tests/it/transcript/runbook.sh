# Using CLI
stellaops key generate \
  --profile default \
  --key-id key-2025-prod \
  --algorithm SHA256-ED25519

# Via API
curl -X POST https://api.stellaops.local/v1/signer/keys \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"profile": "default", "keyId": "key-2025-prod", "algorithm": "SHA256-ED25519"}'

# Using CLI
stellaops anchor add-key \
  --anchor-id 550e8400-e29b-41d4-a716-446655440000 \
  --key-id key-2025-prod

# Via API
curl -X POST https://api.stellaops.local/v1/anchors/550e8400.../keys \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"keyid": "key-2025-prod", "publicKey": ""}'

# Check verification status
stellaops anchor status --anchor-id 550e8400...

# Expected output:
# Anchor: 550e8400-e29b-41d4-a716-446655440000
# Active Keys: key-2024-prod, key-2025-prod
# Verification Success Rate: 100%
# Pending Rescans: 0

# Using CLI
stellaops anchor revoke-key \
  --anchor-id 550e8400... \
  --key-id key-2024-prod \
  --reason "annual-rotation" \
  --effective-at "2025-02-01T00:00:00Z"

# Via API
curl -X POST https://api.stellaops.local/v1/anchors/550e8400.../keys/key-2024-prod/revoke \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"reason": "annual-rotation", "effectiveAt": "2025-02-01T00:00:00Z"}'

stellaops anchor create \
  --purl-pattern "pkg:npm/*" \
  --key-ids key-2025-prod \
  --predicate-types evidence.stella/v1,reasoning.stella/v1

stellaops anchor list

# Output:
# ID                                    Pattern     Keys            Status
# 550e8400-e29b-41d4-a716-446655440000  pkg:npm/*   key-2025-prod   active
# 660f9500-f39c-51e5-b827-557766551111  pkg:maven/* key-2025-java   active

# Verify proof at specific point in time
stellaops verify \
  --proof-bundle sha256:abc123... \
  --at-time "2024-06-15T12:00:00Z"

# Check key validity at time
stellaops key check-validity \
  --key-id key-2024-prod \
  --at-time "2024-06-15T12:00:00Z"

stellaops anchor revoke-key \
  --anchor-id ALL \
  --key-id compromised-key-id \
  --reason "compromise" \
  --effective-at "NOW"

stellaops key generate \
  --profile default \
  --key-id emergency-key-$(date +%Y%m%d)

stellaops anchor add-key \
  --anchor-id ALL \
  --key-id emergency-key-$(date +%Y%m%d)

stellaops key rotation-warnings

# Output:
# Key ID          Profile    Age    Max Age   Warning
# key-2024-prod   default    10mo   12mo      ⚠️ Rotation due in 2 months
# key-2024-java   fips       6mo    12mo      ✓ OK

stellaops audit query \
  --type KEY_* \
  --from "2025-01-01" \
  --to "2025-12-31"
