-- outside a transaction
-- Removing a session looks for its tickets.
create index concurrently if not exists ws_tickets_session on ws_tickets (session_id);
