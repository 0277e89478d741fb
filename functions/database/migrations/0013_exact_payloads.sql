-- A payload as it was written, where jsonb would write it otherwise: jsonb sorts members, and knows neither 1e2 nor -0.
-- `payload` stays whole for the code before this, and for what statements ask of it.
alter table tasks add column exact_payload json;
