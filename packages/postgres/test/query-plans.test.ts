import { testPlans } from "./query-plans.ts";

testPlans("custom");
