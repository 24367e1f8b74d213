-- Health for Argo CD, from the conditions. The conditions follow kstatus: Ready is always present, Reconciling and
-- Stalled are present only while True.
local health = { status = "Progressing", message = "Waiting for the operator to reconcile the resource" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready, stalled = conditions.Ready, conditions.Stalled
if ready == nil then
  return health
end
-- Ignores conditions of an older generation.
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for the operator to reconcile the change"
  return health
end
health.message = ready.message
if ready.reason == "Paused" then
  health.status = "Suspended"
elseif stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
elseif ready.status == "True" and ready.reason == "Suspended" then
  health.status = "Suspended"
elseif ready.status == "True" then
  health.status = "Healthy"
end
return health
