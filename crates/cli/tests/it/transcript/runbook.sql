SELECT * FROM signer.key_audit_log
WHERE event_type LIKE 'KEY_%'
AND timestamp >= '2025-01-01'
ORDER BY timestamp DESC;
