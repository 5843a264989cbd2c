-- Whether a statement that came since covers days of which a less final one had told before.
SELECT CAST(COUNT(*) AS BIGINT) FROM statement f WHERE f.id > $1 AND EXISTS (
    SELECT 1 FROM statement s WHERE s.account = f.account AND s.currency_id = f.currency_id AND s.origin = f.origin
    AND s.id <= $1 AND s.basis IN ('interim', 'notice') AND s.start_on <= f.end_on AND s.end_on >= f.start_on)
