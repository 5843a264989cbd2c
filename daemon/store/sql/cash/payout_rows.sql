-- The processor's own rows about payouts: those that name no lines, and those that came back.
SELECT id, account, reference, payout, currency_id, movement, kind, net, booked_on FROM counted_line
WHERE origin = 'processor' AND movement IN (6, 7) AND ($1 = '' OR account = $1) ORDER BY id
