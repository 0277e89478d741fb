-- Two columns hold one payload until no code reads `payload` alone. A person at a SQL prompt must know which one counts.
comment on column tasks.exact_payload is 'The payload as it was written, where payload (jsonb) writes it otherwise; null where both are the same.';
comment on column tasks.payload is 'The payload as jsonb, for statements that ask for its members. exact_payload counts where it is not null.';
